// How fast creates go to Stripe. The task queue's rate keeps them waiting in Temporal; this spreads what it lets through.
import { setTimeout as pause } from 'node:timers/promises';

import { takeStripeSlot } from '../db/stripe-pace';
import type { ActivityDeps } from './deps';
import { tryAgain } from './stripe-calls';

/** Longer than this a create waits in Temporal, where it takes no slot of a worker and none of its own 10 s. */
const WAIT_MS_MAX = 1_000;

/** Returns when the next create may go. @throws a failure that Temporal repeats, where that is too far ahead. */
export async function awaitCreateSlot(deps: ActivityDeps): Promise<void> {
  const { isTaken, waitMs } = await takeStripeSlot(deps.pool, {
    call: 'create',
    perSecond: deps.createsPerSecond,
    waitMsMax: WAIT_MS_MAX,
  });
  if (!isTaken) throw tryAgain('The creates of this second are taken', 'Pace', waitMs);
  if (waitMs > 0) await pause(waitMs);
}
