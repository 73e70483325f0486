// The cursor over Stripe's events, for installations that no webhook reaches; and whose turn it is to read them.
import { queryMaybeOne, queryRows, toInteger } from './query';
import type { Db } from './query';

/** Events may show up this long after the instant they carry; known ones cost a look at the inbox and no more. */
const OVERLAP_SECONDS = 300;
/** How far a new installation looks back; what is older is found by reconciliation. */
const FIRST_LOOK_SECONDS = 3_600;
/** Longer than one page takes: 8 s at most at Stripe, and its events. A worker that died leaves a gap as long. */
const TURN_SECONDS = 20;
const POLL_SECONDS = 3;
const PAUSE_MAX_SECONDS = 60;

export interface PollingTurn {
  /** Read what Stripe created since then. */
  createdFromUnixSeconds: number;
  /** Where a pass under way goes on; null at its beginning. */
  startingAfter: string | null;
}

/** Takes the turn for `holder`; null while it is not due, or another worker's. */
export async function takePollingTurn(db: Db, holder: string): Promise<PollingTurn | null> {
  const row = await queryMaybeOne<{ created_from: string; pass_after: string | null }>(
    db,
    `update event_polling
     set holder = $1, held_until = clock_timestamp() + make_interval(secs => $2)
     where due_at <= clock_timestamp() and held_until <= clock_timestamp()
     returning pass_after, floor(extract(epoch from
       coalesce(seen_until, clock_timestamp() - make_interval(secs => $3)) - make_interval(secs => $4)))::bigint as created_from`,
    [holder, TURN_SECONDS, FIRST_LOOK_SECONDS, OVERLAP_SECONDS],
  );
  if (row === null) return null;
  return { createdFromUnixSeconds: toInteger(row.created_from), startingAfter: row.pass_after };
}

/** Notes that a page is in the inbox. False: the turn has gone to another worker meanwhile. */
export async function notePolledPage(
  db: Db,
  holder: string,
  page: { newestUnixSeconds: number | null; nextStartingAfter: string | null },
): Promise<boolean> {
  const rows = await queryRows(
    db,
    `update event_polling
     set pass_after = $2, pass_until = greatest(pass_until, to_timestamp($3)),
       held_until = clock_timestamp() + make_interval(secs => $4)
     where holder = $1
     returning 1 as noted`,
    [holder, page.nextStartingAfter, page.newestUnixSeconds, TURN_SECONDS],
  );
  return rows.length > 0;
}

/**
 * Ends a turn that went well. A complete pass moves the cursor, but never far beyond our own clock: an event that is dated
 * in the future must not hide those that come before it.
 */
export async function endPollingTurn(db: Db, holder: string): Promise<void> {
  await queryRows(
    db,
    `update event_polling
     set seen_until = case when pass_after is null and pass_until is not null
         then least(greatest(seen_until, pass_until), clock_timestamp() + make_interval(secs => $2)) else seen_until end,
       pass_until = case when pass_after is null then null else pass_until end,
       due_at = clock_timestamp() + case when pass_after is null then make_interval(secs => $3) else interval '0' end,
       held_until = '-infinity', failing_since = null
     where holder = $1`,
    [holder, OVERLAP_SECONDS, POLL_SECONDS],
  );
}

/**
 * Ends a turn that failed: the pass begins anew, after a pause that grows with the time it has been failing, 3 s to a
 * minute. Answers how long that is, in seconds; 0 when the turn has gone to another worker.
 */
export async function failPollingTurn(db: Db, holder: string): Promise<number> {
  const row = await queryMaybeOne<{ failing_seconds: string }>(
    db,
    `update event_polling
     set pass_after = null, failing_since = coalesce(failing_since, clock_timestamp()), held_until = '-infinity',
       due_at = clock_timestamp() + least(make_interval(secs => $3), greatest(
         make_interval(secs => $2), clock_timestamp() - coalesce(failing_since, clock_timestamp())))
     where holder = $1
     returning floor(extract(epoch from clock_timestamp() - failing_since))::bigint as failing_seconds`,
    [holder, POLL_SECONDS, PAUSE_MAX_SECONDS],
  );
  return row === null ? 0 : toInteger(row.failing_seconds);
}
