// Taking back what nobody pays for any more, in bounded steps; each run leaves a row that says it was.
import type { Pool } from 'pg';

import { findInventoryDrift } from './invariants';
import type { InventoryDrift } from './invariants';
import { withTransaction } from './pool';
import { queryOne, queryRows } from './query';
import type { Db } from './query';

/** A call that expired this many may have left more behind: call again. The limit itself is in the SQL function. */
export const CLEANUP_LIMIT = 5_000;
/** Calls of one run, so that it ends; `more` tells the caller to come again. */
const ROUNDS_MAX = 20;
/** The audit reads every reservation; no buyer waits for it, so it may take longer than the pool's 1.8 s. */
const AUDIT_MS = 30_000;

/** Expires at most 5,000 dead holds and gives their units back; answers how many. Safe from anywhere, at any time. */
export async function cleanupExpiredReservations(db: Db): Promise<number> {
  const row = await queryOne<{ expired: number }>(db, 'select cleanup_expired_reservations() as expired', []);
  return row.expired;
}

/** Deletes at most 5,000 released and expired rows older than 30 days; answers how many. */
export async function purgeEndedReservations(db: Db): Promise<number> {
  const row = await queryOne<{ purged: number }>(db, 'select purge_ended_reservations() as purged', []);
  return row.purged;
}

export interface CleanupRun {
  released: number;
  durationMs: number;
  /** It stopped at its limit of 100,000; there is more to release. */
  more: boolean;
}

/**
 * The maintenance route's run: takes back all that is due, up to 100,000, and records that it did. A failed one is recorded
 * as such where that is still possible.
 */
export function runCleanup(db: Db): Promise<CleanupRun> {
  return recorded(db, 'route', () => takeBack(db));
}

export interface ScheduledRun extends CleanupRun {
  purged: number;
  drift: InventoryDrift[];
}

/** The schedule's run: as the route's, then lets one batch of old rows go, and audits the stock. */
export function runScheduledCleanup(pool: Pool): Promise<ScheduledRun> {
  return recorded(pool, 'schedule', async () => ({
    ...(await takeBack(pool)),
    purged: await purgeEndedReservations(pool),
    drift: await audit(pool),
  }));
}

export interface MaintenanceHealth {
  lastSuccessAt: Date | null;
  runs24h: number;
  successes24h: number;
  /** No run succeeded for 180 s; it is due every 60 s. */
  isOverdue: boolean;
  /** Findings of the last audit; null before the first. */
  drift: number | null;
}

export async function readMaintenanceHealth(db: Db): Promise<MaintenanceHealth> {
  const row = await queryOne<{
    last_success_at: Date | null;
    runs_24h: number;
    successes_24h: number;
    is_overdue: boolean;
    drift: number | null;
  }>(db, 'select * from maintenance_health', []);
  return {
    lastSuccessAt: row.last_success_at,
    runs24h: row.runs_24h,
    successes24h: row.successes_24h,
    isOverdue: row.is_overdue,
    drift: row.drift,
  };
}

async function takeBack(db: Db): Promise<{ released: number; more: boolean }> {
  let released = 0;
  let more = true;
  for (let round = 0; more && round < ROUNDS_MAX; round += 1) {
    const count = await cleanupExpiredReservations(db);
    released += count;
    more = count >= CLEANUP_LIMIT;
  }
  return { released, more };
}

function audit(pool: Pool): Promise<InventoryDrift[]> {
  return withTransaction(pool, async (client) => {
    await client.query(`set local statement_timeout = ${AUDIT_MS}`);
    return findInventoryDrift(client);
  });
}

interface Work {
  released: number;
  more: boolean;
  purged?: number;
  drift?: InventoryDrift[];
}

async function recorded<T extends Work>(
  db: Db,
  trigger: 'schedule' | 'route',
  work: () => Promise<T>,
): Promise<T & { durationMs: number }> {
  const startedAt = performance.now();
  const record = (done: Work | null) =>
    queryRows(
      db,
      `insert into maintenance_runs (trigger, duration_ms, released, purged, more, drift)
       values ($1, $2, $3, $4, $5, $6)`,
      [
        trigger,
        Math.round(performance.now() - startedAt),
        done?.released ?? null,
        done?.purged ?? null,
        done?.more ?? false,
        done?.drift?.length ?? null,
      ],
    );
  let done: T;
  try {
    done = await work();
  } catch (err) {
    await record(null).catch(() => undefined);
    throw err;
  }
  await record(done);
  return { ...done, durationMs: Math.round(performance.now() - startedAt) };
}
