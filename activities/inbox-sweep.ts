// The inbox drives itself: what was stored and never judged is handed on again.
import { heartbeat, log } from '@temporalio/activity';

import { takeUnjudgedEvents, type DueEvent } from '../db/inbox';
import type { ActivityDeps } from './deps';
import { handOn } from './hand-on';

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
      for (const event of events) if (event.isQuarantined) deps.observer?.onSwept?.('quarantined');
      for (const event of due) {
        await tryToHandOn(deps, event);
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
async function tryToHandOn(deps: ActivityDeps, event: DueEvent): Promise<void> {
  try {
    await handOn(deps, event);
    deps.observer?.onSwept?.('handed_on');
  } catch (error) {
    deps.observer?.onSwept?.('not_handed_on');
    log.warn('event not handed on', { checkout_id: event.checkoutId, event_id: event.eventId, error });
  }
}
