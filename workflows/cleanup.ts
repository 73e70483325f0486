// The minute's upkeep, started by the schedule `holdfast-cleanup`.
import { proxyActivities } from '@temporalio/workflow';

import type { MainActivities } from '../activities';
import type { CleanupResult } from '../activities/maintenance';

/** At most three tries: the next run is a minute away, and skipped while this one lasts. */
const { cleanUp } = proxyActivities<MainActivities>({
  startToCloseTimeout: '60s',
  retry: { initialInterval: '2s', maximumAttempts: 3 },
});

/** Registered as workflow type `cleanup`. */
export async function cleanup(): Promise<CleanupResult> {
  return cleanUp();
}
