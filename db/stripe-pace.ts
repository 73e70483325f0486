// The pace of calls to Stripe over all workers: one row, one instant a call.
import { queryOne } from './query';
import type { Db } from './query';

export interface StripeSlot {
  /** False: nothing was taken, because the wait would be longer than allowed. */
  isTaken: boolean;
  /** How long from now the call may begin, in milliseconds. */
  waitMs: number;
}

/** The next instant at which a call may begin, `1 / perSecond` after the one before. */
export async function takeStripeSlot(
  db: Db,
  { call, perSecond, waitMsMax }: { call: 'create'; perSecond: number; waitMsMax: number },
): Promise<StripeSlot> {
  const row = await queryOne<{ is_taken: boolean; wait_ms: number }>(
    db,
    'select * from take_stripe_slot($1, $2, $3)',
    [call, perSecond, waitMsMax],
  );
  return { isTaken: row.is_taken, waitMs: row.wait_ms };
}
