// How fast creates go to Stripe. The task queue's rate keeps them waiting in Temporal; this spreads what it lets through.
import { setTimeout as pause } from 'node:timers/promises';

import { beginCreate } from '../db/stripe-pace';
import type { ActivityDeps } from './deps';
import { tryAgain } from './stripe-calls';

/** Longer than this a create waits in Temporal, where it takes no slot of a worker and none of its own 10 s. */
const WAIT_MS_MAX = 1_000;

/**
 * Answers `go` when this create may leave; `too_late` where the checkout's deadline has passed with nothing bound.
 * @throws a failure that Temporal repeats, where its turn is too far ahead.
 */
export async function awaitCreateTurn(deps: ActivityDeps, checkoutId: string): Promise<'go' | 'too_late'> {
  const slot = await beginCreate(deps.pool, {
    checkoutId,
    perSecond: deps.createsPerSecond,
    waitMsMax: WAIT_MS_MAX,
  });
  if (slot.outcome === 'too_late') return 'too_late';
  if (slot.outcome === 'later') throw tryAgain('The creates of this second are taken', 'Pace', slot.waitMs);
  if (slot.waitMs > 0) await pause(slot.waitMs);
  return 'go';
}
