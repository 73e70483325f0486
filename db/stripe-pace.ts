// The pace of creates over all workers, and whether a checkout may still get its PaymentIntent: one statement.
import { queryOne } from './query';
import type { Db } from './query';

export type CreateSlot =
  /** The call may begin `waitMs` milliseconds from now. */
  | { outcome: 'taken'; waitMs: number }
  /** Nothing was taken: the wait would be longer than allowed. Come again then. */
  | { outcome: 'later'; waitMs: number }
  /** The payment deadline has passed, and nothing is bound. */
  | { outcome: 'too_late' };

/** An instant for one create, `1 / perSecond` after the one before. */
export async function beginCreate(
  db: Db,
  { checkoutId, perSecond, waitMsMax }: { checkoutId: string; perSecond: number; waitMsMax: number },
): Promise<CreateSlot> {
  const row = await queryOne<{ is_too_late: boolean; is_taken: boolean; wait_ms: number }>(
    db,
    'select * from begin_create($1, $2, $3)',
    [checkoutId, perSecond, waitMsMax],
  );
  if (row.is_too_late) return { outcome: 'too_late' };
  return { outcome: row.is_taken ? 'taken' : 'later', waitMs: row.wait_ms };
}
