// Which checkouts are compared with Stripe, page by page, and the report of each run.
import type { CheckoutStatus } from '../contracts/statuses';
import { queryOne, queryRows, toInteger } from './query';
import type { Db } from './query';

export interface CheckoutToReconcile {
  checkoutId: string;
  status: CheckoutStatus;
  paymentIntentId: string | null;
  amountMinor: number;
  currency: string;
}

const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';

/**
 * Checkouts that are open since half a minute or longer, that owe a refund, or that closed within `closedSeconds`; after
 * `afterId` in the order of their ids, at most `limit`. Each part has an index of its own: one condition over all of them would
 * walk past every checkout that ever closed. `statement_timestamp()`, because no index serves a clock that moves.
 */
export async function listCheckoutsToReconcile(
  db: Db,
  { afterId, limit, closedSeconds }: { afterId: string | null; limit: number; closedSeconds: number },
): Promise<CheckoutToReconcile[]> {
  const rows = await queryRows<{
    id: string;
    status: CheckoutStatus;
    payment_intent_id: string | null;
    amount_minor: string | null;
    currency: string | null;
  }>(
    db,
    `with unfinished as (
       select id from checkouts
       where ((closed_at is null and opened_at < statement_timestamp() - interval '30 seconds')
           or status = 'refund_pending')
         and id > coalesce($1::uuid, $4)
       order by id limit $2
     ), closed as (
       select id from checkouts
       where closed_at > statement_timestamp() - make_interval(secs => $3) and id > coalesce($1::uuid, $4)
       order by id limit $2
     )
     select id, status, payment_intent_id, amount_minor, currency
     from checkouts
     where id in (select id from unfinished union select id from closed)
     order by id
     limit $2`,
    [afterId, limit, closedSeconds, BEFORE_ALL],
  );
  return rows.map((row) => ({
    checkoutId: row.id,
    status: row.status,
    paymentIntentId: row.payment_intent_id,
    amountMinor: row.amount_minor === null ? 0 : toInteger(row.amount_minor),
    currency: row.currency ?? '',
  }));
}

export interface ReconciliationReport {
  /** The workflow run that made it. */
  runId: string;
  checked: number;
  healed: number;
  eventsTaken: number;
  orphansCanceled: number;
  incidents: number;
}

/** Keeps the report of a finished run, once, by the run's id. */
export async function recordReconciliation(db: Db, report: ReconciliationReport): Promise<void> {
  await queryRows(
    db,
    `insert into reconciliation_runs (id, checked, healed, events_taken, orphans_canceled, incidents)
     values ($1, $2, $3, $4, $5, $6)
     on conflict (id) do nothing`,
    [
      report.runId,
      report.checked,
      report.healed,
      report.eventsTaken,
      report.orphansCanceled,
      report.incidents,
    ],
  );
}

/** When the last reconciliation ended; null when none has. */
export async function readLastReconciliation(db: Db): Promise<Date | null> {
  const row = await queryOne<{ last: Date | null }>(
    db,
    'select max(finished_at) as last from reconciliation_runs',
    [],
  );
  return row.last;
}
