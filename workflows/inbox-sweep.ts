// The scheduled sweep of the inbox: in bounded steps, until nothing is due.
import { proxyActivities } from '@temporalio/workflow';

import type { MainActivities } from '../activities';

const { sweepInbox } = proxyActivities<MainActivities>({
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '30s',
  scheduleToCloseTimeout: '10 minutes',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
  summary: 'hand on events that nobody has judged',
});

const CALLS_MAX = 20;

/** What one run did. Registered as workflow type `inbox_sweep`. */
export async function inbox_sweep(): Promise<{ driven: number; quarantined: number }> {
  const total = { driven: 0, quarantined: 0 };
  for (let call = 0; call < CALLS_MAX; call += 1) {
    const swept = await sweepInbox();
    total.driven += swept.driven;
    total.quarantined += swept.quarantined;
    if (!swept.hasMore) break;
  }
  return total;
}
