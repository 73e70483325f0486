// Refunds that Stripe has not finished: their event may be lost, so settlement looks again.
import { listCheckoutsWithPendingRefunds } from '../db/refunds';
import type { ActivityDeps } from './deps';

/** One settlement each; more than this in five minutes would crowd out buyers, and the next run takes others. */
const WAKES_MAX = 100;

/** Wakes settlement for checkouts whose refund has been pending for a minute or longer. */
export async function wakePendingRefunds(deps: ActivityDeps): Promise<void> {
  for (const checkoutId of await listCheckoutsWithPendingRefunds(deps.pool, WAKES_MAX)) {
    await deps.runs.startSettlement(checkoutId);
  }
}
