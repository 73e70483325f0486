// What must hold whatever happened: stock, money and status, read from the database and from the simulator's ledger.
import type { Pool } from 'pg';

import { readDeliveries, readLedger, type Ledger, type LedgerPayment } from './ledger';

export interface Evidence {
  pool: Pool;
  simulatorUrl: string;
  holdfastEnv: string;
}

interface CheckoutRow {
  id: string;
  status: string;
  failure_code: string | null;
  amount_minor: number | null;
  payment_intent_id: string | null;
  order_amount_minor: number | null;
  /** Minor units that refunds of any origin, not failed, give back. */
  given_back_minor: number;
  held: number;
  has_unresolved_incident: boolean;
}

const CHECKOUTS = `
  select c.id, c.status, c.failure_code, c.amount_minor::int as amount_minor, c.payment_intent_id,
    o.amount_minor::int as order_amount_minor,
    (select coalesce(sum(f.amount_minor), 0)::int from refunds f
      where f.checkout_id = c.id and f.stripe_refund_id is not null and f.state <> 'failed') as given_back_minor,
    (select count(*)::int from inventory_reservations r where r.checkout_id = c.id and r.status = 'held') as held,
    exists (select 1 from incidents i where i.checkout_id = c.id and i.kind = 'payment_unresolved'
      and i.resolved_at is null) as has_unresolved_incident
  from checkouts c left join orders o on o.checkout_id = c.id`;

const OPEN = new Set(['opening', 'awaiting_payment', 'payment_processing']);
const MONEY_CAN_STILL_MOVE = new Set([
  'requires_payment_method',
  'requires_confirmation',
  'requires_action',
  'requires_capture',
  'processing',
]);

/** Every broken invariant, in words; empty when all is well. Runs may still be open: those are not judged as ended. */
export async function findBrokenInvariants(evidence: Evidence): Promise<string[]> {
  const { pool, simulatorUrl } = evidence;
  const checkouts = (await pool.query<CheckoutRow>(CHECKOUTS)).rows;
  const ledger = await readLedger(simulatorUrl);
  return [
    ...(await driftOf(pool)),
    ...checkouts.flatMap((row) => checkoutFaults(row, ledger)),
    ...boundOnce(checkouts, ledger, evidence.holdfastEnv),
    ...(await refundFaults(evidence, ledger)),
    ...(await deliveryFaults(evidence)),
  ];
}

async function driftOf(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ kind: string; detail: unknown }>(
    'select kind, detail from inventory_drift',
  );
  return rows.map((row) => `inventory drift: ${row.kind} ${JSON.stringify(row.detail)}`);
}

function checkoutFaults(row: CheckoutRow, ledger: Ledger): string[] {
  if (OPEN.has(row.status)) return [];
  const faults: string[] = [];
  const fault = (text: string) => faults.push(`checkout ${row.id} (${row.status}): ${text}`);
  if (row.held > 0) fault(`${row.held} reservations are still held`);
  const payment = ledger.payment_intents.find(({ id }) => id === row.payment_intent_id);
  if (row.payment_intent_id !== null && payment === undefined) fault('its PaymentIntent does not exist');
  const kept = payment === undefined ? 0 : payment.captured - payment.refunded;
  if (row.status === 'confirmed') {
    if (row.order_amount_minor === null) fault('no order');
    if (kept !== (row.order_amount_minor ?? 0) - row.given_back_minor)
      fault(`the order is ${row.order_amount_minor}, refunds ${row.given_back_minor}, the shop has ${kept}`);
  } else if (kept !== 0 && row.status !== 'refund_pending') {
    fault(`the shop has ${kept} and owes goods`);
  }
  if (row.status !== 'confirmed' && row.order_amount_minor !== null) fault('an order without confirmation');
  const isKnownUnresolved = row.failure_code === 'payment_unresolved' && row.has_unresolved_incident;
  if (payment !== undefined && MONEY_CAN_STILL_MOVE.has(payment.status) && !isKnownUnresolved) {
    fault(`its PaymentIntent is ${payment.status}: it can still take money`);
  }
  return faults;
}

/** At most one PaymentIntent a checkout is bound; one that is not bound was never paid, so nobody had its secret. */
function boundOnce(checkouts: CheckoutRow[], ledger: Ledger, holdfastEnv: string): string[] {
  const bound = new Set(checkouts.map((row) => row.payment_intent_id));
  return ledger.payment_intents
    .filter((payment) => payment.metadata['holdfast_env'] === holdfastEnv && !bound.has(payment.id))
    .filter((payment) => hasBeenUsed(payment))
    .map((payment) => `PaymentIntent ${payment.id} is not bound, and somebody used it`);
}

function hasBeenUsed(payment: LedgerPayment): boolean {
  return payment.transitions.some(({ to }) =>
    ['succeeded', 'requires_action', 'requires_capture', 'processing'].includes(to),
  );
}

/** One capture, one refund a request, each with a row, and none that stock or a person did not make necessary. */
async function refundFaults({ pool, holdfastEnv }: Evidence, ledger: Ledger): Promise<string[]> {
  const faults: string[] = [];
  const ours = ledger.payment_intents.filter((payment) => payment.metadata['holdfast_env'] === holdfastEnv);
  for (const payment of ours) {
    if (payment.transitions.filter(({ to }) => to === 'succeeded').length > 1) {
      faults.push(`PaymentIntent ${payment.id} was captured more than once`);
    }
  }
  const { rows } = await pool.query<{ stripe_refund_id: string; request_key: string; amount: number }>(
    `select stripe_refund_id, request_key, f.amount_minor::int as amount from refunds f join checkouts c on c.id = f.checkout_id
     where stripe_refund_id is not null and (origin <> 'late' or c.failure_code = 'sold_out_after_payment')`,
  );
  for (const refund of ledger.refunds.filter((one) => ours.some(({ id }) => id === one.payment_intent))) {
    const row = rows.find((candidate) => candidate.stripe_refund_id === refund.id);
    if (row === undefined) faults.push(`refund ${refund.id} was decided by nobody`);
    else if (row.amount !== refund.amount) faults.push(`refund ${refund.id} is of another amount`);
  }
  return faults;
}

/** An event that was acknowledged is stored. */
async function deliveryFaults({ pool, simulatorUrl }: Evidence): Promise<string[]> {
  const acknowledged = (await readDeliveries(simulatorUrl)).filter(
    ({ status }) => status !== null && status >= 200 && status < 300,
  );
  const ids = [...new Set(acknowledged.map((delivery) => delivery.event_id))];
  const { rows } = await pool.query<{ event_id: string }>(
    'select id as event_id from unnest($1::text[]) as id where not exists (select 1 from webhook_events e where e.event_id = id)',
    [ids],
  );
  return rows.map((row) => `event ${row.event_id} was acknowledged and is not stored`);
}
