// Taking back what nobody pays for any more, in bounded steps.
import { queryOne } from './query';
import type { Db } from './query';

/** A call that expired this many may have left more behind: call again. The limit itself is in the SQL function. */
export const CLEANUP_LIMIT = 5_000;

/** Expires at most 5,000 dead holds and gives their units back; answers how many. Safe from anywhere, at any time. */
export async function cleanupExpiredReservations(db: Db): Promise<number> {
  const row = await queryOne<{ expired: number }>(db, 'select cleanup_expired_reservations() as expired', []);
  return row.expired;
}
