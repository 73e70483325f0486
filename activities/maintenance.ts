// The minute's upkeep: take back what is due, let old rows go, audit the stock.
import { log } from '@temporalio/activity';

import { runScheduledCleanup } from '../db/cleanup';
import { openIncident } from '../db/incidents';
import type { ActivityDeps } from './deps';

export interface CleanupResult {
  released: number;
  purged: number;
  /** There is more than one run may take; the next is a minute away. */
  more: boolean;
  /** Contradictions found in the stock. */
  drift: number;
}

/** What an incident carries of the findings; the view has all of them. */
const FINDINGS_SHOWN = 10;

export function maintenanceActivities({ pool }: ActivityDeps) {
  return {
    /** Safe to run twice and beside others. Drift opens one incident, `inventory_drift`; nothing is repaired. */
    async cleanUp(): Promise<CleanupResult> {
      const { released, purged, more, drift, durationMs } = await runScheduledCleanup(pool);
      log.info('reservations cleaned up', {
        released,
        purged,
        more,
        drift: drift.length,
        duration_ms: durationMs,
      });
      if (drift.length > 0) {
        await openIncident(pool, {
          checkoutId: null,
          kind: 'inventory_drift',
          detail: { findings: drift.length, first: drift.slice(0, FINDINGS_SHOWN) },
        });
      }
      return { released, purged, more, drift: drift.length };
    },
  };
}
