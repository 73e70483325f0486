// The database's side of the triple check: closed checkouts page by page, and the report of each run.
import type { CheckoutStatus } from '../contracts/statuses';
import { queryMaybeOne, queryOne, queryRows, toInteger } from './query';
import type { Db } from './query';

export interface ClosedCheckout {
  checkoutId: string;
  status: CheckoutStatus;
  failureCode: string | null;
  paymentIntentId: string | null;
  amountMinor: number;
  currency: string;
  orderId: string | null;
  givenBackMinor: number;
  /** Text, with all its digits: where the next page begins. */
  closedAt: string;
}

export interface ClosedCursor {
  closedAt: string;
  checkoutId: string;
}

/** The instant `seconds` ago by the database's clock, as text. */
export async function instantAgo(db: Db, seconds: number): Promise<string> {
  const row = await queryOne<{ at: string }>(
    db,
    'select (clock_timestamp() - make_interval(secs => $1))::text as at',
    [seconds],
  );
  return row.at;
}

/**
 * Checkouts closed between two instants, oldest first, at most `limit`. Those that closed a minute ago are left alone: their
 * run is on its way to its end.
 */
export async function listClosedCheckouts(
  db: Db,
  { from, after, limit }: { from: string; after: ClosedCursor | null; limit: number },
): Promise<ClosedCheckout[]> {
  const rows = await queryRows<{
    id: string;
    status: CheckoutStatus;
    failure_code: string | null;
    payment_intent_id: string | null;
    amount_minor: string | null;
    currency: string | null;
    order_id: string | null;
    given_back_minor: string;
    closed_at: string;
  }>(
    db,
    `select c.id, c.status, c.failure_code, c.payment_intent_id, c.amount_minor, c.currency, o.id as order_id,
       c.closed_at::text as closed_at,
       (select coalesce(sum(f.amount_minor), 0) from refunds f
        where f.checkout_id = c.id and f.stripe_refund_id is not null and f.state <> 'failed')::bigint as given_back_minor
     from checkouts c left join orders o on o.checkout_id = c.id
     where c.closed_at >= $1::timestamptz and c.closed_at < clock_timestamp() - interval '60 seconds'
       and ($2::timestamptz is null or (c.closed_at, c.id) > ($2, $3::uuid))
     order by c.closed_at, c.id
     limit $4`,
    [from, after?.closedAt ?? null, after?.checkoutId ?? null, limit],
  );
  return rows.map((row) => ({
    checkoutId: row.id,
    status: row.status,
    failureCode: row.failure_code,
    paymentIntentId: row.payment_intent_id,
    amountMinor: row.amount_minor === null ? 0 : toInteger(row.amount_minor),
    currency: row.currency ?? '',
    orderId: row.order_id,
    givenBackMinor: toInteger(row.given_back_minor),
    closedAt: row.closed_at,
  }));
}

export interface TripleReport {
  /** The workflow run that made it. */
  runId: string;
  closedFrom: string;
  checked: number;
  healed: number;
  findings: number;
}

/** Keeps the report of a finished run, once, by the run's id. */
export async function recordTripleCheck(db: Db, report: TripleReport): Promise<void> {
  await queryMaybeOne(
    db,
    `insert into triple_check_runs (id, closed_from, checked, healed, findings) values ($1, $2, $3, $4, $5)
     on conflict (id) do nothing`,
    [report.runId, report.closedFrom, report.checked, report.healed, report.findings],
  );
}
