// What has changed since a reader last looked: for many rows at once, in one statement.
import { toCheckoutView } from './checkout-view';
import type { CheckoutRow, CheckoutView } from './checkout-view';
import { queryRows } from './query';
import type { Db } from './query';

export interface WatchedCheckout {
  checkoutId: string;
  /** Of the last reading; null asks for the row whatever it is. */
  version: string | null;
}

export interface ChangedCheckout {
  version: string;
  view: CheckoutView;
}

/**
 * A row's version changes with every write to it (its `xmin`), at its deadline, and where a refund it waits for moves. Only
 * for the rows that have changed is the whole view computed, so that thousands that stand still cost an index look each.
 */
const CHANGED = `
  select d.*, c.version, c.is_check_only
  from unnest($1::uuid[], $2::text[]) as w (id, version)
  cross join lateral (
    select concat_ws(' ', k.xmin::text, k.status = 'awaiting_payment' and k.expires_at > clock_timestamp(),
      case when k.status = 'refund_pending' then (
        select f.state from refunds f where f.checkout_id = k.id order by f.created_at desc limit 1) end) as version,
      k.is_check_only
    from checkouts k where k.id = w.id) c
  -- With offset 0: one look by the key for each. Joined, the planner may compute the view for the whole table.
  cross join lateral (select * from checkout_details v where v.checkout_id = w.id offset 0) d
  where c.version is distinct from w.version`;

/** The checkouts whose version is another than the given one, with the new one. Unknown ids are left out. */
export async function readChangedCheckouts(
  db: Db,
  watched: readonly WatchedCheckout[],
): Promise<ChangedCheckout[]> {
  const rows = await queryRows<CheckoutRow & { version: string }>(db, CHANGED, [
    watched.map(({ checkoutId }) => checkoutId),
    watched.map(({ version }) => version),
  ]);
  return rows.map((row) => ({ version: row.version, view: toCheckoutView(row) }));
}
