// What can be seen of a world: the same from the models and from the real parts.
import { isOpen } from '../model/stock';
import { getJson, type Ledger } from '../../support/ledger';
import type { World } from '../world';
import type { Parts } from './activities';
import type { Real } from './real';

export interface Seen {
  free: number;
  status: string;
  failureCode: string | null;
  hold: string;
  bound: number | null;
  attempts: number;
  refund: string | null;
  judged: number;
  intents: { status: string; captured: boolean; refunds: number }[];
}

/** `isMoneyAsked`: payments as well. */
export function seenIn({ free, buyers: [buyer] }: World, isMoneyAsked: boolean): Seen {
  if (buyer === undefined) throw new Error('a world without a buyer');
  const { row, intents, inbox } = buyer;
  return {
    free,
    status: row.status,
    failureCode: isOpen(row) ? null : row.failureCode,
    hold: row.hold,
    bound: row.bound,
    attempts: row.attempts.length,
    refund: row.refund?.state ?? null,
    judged: Object.values(inbox).filter((state) => state === 'judged').length,
    intents: (isMoneyAsked ? intents : []).map(({ status, captured, refunds }) => ({
      status,
      captured,
      refunds: refunds.length,
    })),
  };
}

export async function seenOn(
  parts: Parts,
  real: Real,
  productId: string,
  isMoneyAsked: boolean,
): Promise<Seen> {
  const { rows } = await parts.pool.query<Omit<Seen, 'bound' | 'intents'> & { bound: string | null }>(
    `select p.available_inventory as free, coalesce(c.status, 'none') as status, c.failure_code as "failureCode",
       coalesce((select r.status from inventory_reservations r where r.checkout_id = $1), 'none') as hold,
       c.payment_intent_id as bound,
       (select count(*)::int from payment_attempts a where a.checkout_id = $1) as attempts,
       (select f.state from refunds f where f.request_key = 'late:' || $1::text) as refund,
       (select count(*)::int from webhook_events e where e.checkout_id = $1 and e.outcome is not null) as judged
     from drop_products p left join checkouts c on c.id = $1 where p.id = $2`,
    [real.checkoutId, productId],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('the product is gone');
  real.boundId = row.bound;
  const ledgers = await Promise.all((isMoneyAsked ? real.intents : []).map((id) => ledgerOf(parts, id)));
  return {
    ...row,
    bound: row.bound === null ? null : real.intents.indexOf(row.bound),
    intents: ledgers.map(({ payment_intents: [payment], refunds }) => ({
      status: payment?.status ?? 'none',
      captured: (payment?.captured ?? 0) > 0,
      refunds: refunds.length,
    })),
  };
}

async function ledgerOf({ simulatorUrl }: Parts, id: string): Promise<Ledger> {
  return (await getJson(`${simulatorUrl}/_simulator/ledger?payment_intent=${id}`)) as Ledger;
}
