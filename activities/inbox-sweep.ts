// The inbox drives itself: what was stored and never judged is handed on again.
import { heartbeat, log } from '@temporalio/activity';

import { markForwarded, takeUnjudgedEvents, type DueEvent } from '../db/inbox';
import type { ActivityDeps } from './deps';

/** Longer than any event needs that is on its way; shorter than a payment window. */
const WAIT_SECONDS = 60;
const TRIES_MAX = 10;
const SWEEP_MAX = 200;

export interface SweepResult {
  driven: number;
  quarantined: number;
  /** The limit of one call was hit: there may be more. */
  hasMore: boolean;
}

export function inboxSweepActivities(deps: ActivityDeps) {
  return {
    /** Hands on up to 200 events that have waited a minute without outcome; after ten tries a person is called. */
    async sweepInbox(): Promise<SweepResult> {
      // Nobody judges an event while settlement is paused: that is no try, and nothing to call a person for.
      if (deps.settlement() === 'paused') return { driven: 0, quarantined: 0, hasMore: false };
      const events = await takeUnjudgedEvents(deps.pool, {
        waitSeconds: WAIT_SECONDS,
        triesMax: TRIES_MAX,
        limit: SWEEP_MAX,
      });
      const due = events.filter((event) => !event.isQuarantined);
      for (const event of due) {
        await handOn(deps, event);
        heartbeat();
      }
      return {
        driven: due.length,
        quarantined: events.length - due.length,
        hasMore: events.length === SWEEP_MAX,
      };
    },
  };
}

/** One that cannot be handed on now is left for the next sweep; its neighbours are not held up. */
async function handOn(deps: ActivityDeps, { eventId, checkoutId, signal }: DueEvent): Promise<void> {
  try {
    const isTaken = signal !== null && (await deps.runs.signalCheckout(checkoutId, signal));
    if (!isTaken) await deps.runs.startSettlement(checkoutId);
    await markForwarded(deps.pool, eventId);
  } catch (error) {
    log.warn('event not handed on', { checkout_id: checkoutId, event_id: eventId, error });
  }
}
