// Events that were asked for at Stripe instead of delivered: into the same inbox, and handed on in the same way.
import { readEvent, UnreadableEventError } from '../contracts/stripe-event';
import { takeIn } from '../db/event-intake';
import { listFinishedEventIds } from '../db/inbox';
import type { ListedEvent } from '../platform/stripe-events';
import type { ActivityDeps } from './deps';
import { handOn } from './hand-on';

export type ListedBy = 'poll' | 'reconciliation';

export interface ListedEventsOptions {
  source: ListedBy;
  /** Called after each event; an activity's heartbeat. */
  onEvent?: () => void;
  tell: (message: string, fields: Record<string, unknown>) => void;
}

type IntakeDeps = Pick<ActivityDeps, 'pool' | 'runs' | 'holdfastEnv' | 'observer'>;

/**
 * Takes in what is not there yet, oldest first; answers how many of our checkouts' events were handed on. One that is no
 * event, or that Temporal does not take, holds up none of its neighbours: the former is left out, the latter stays stored,
 * and the inbox hands it on.
 * @throws when the database does not answer: nothing may be counted as seen then.
 */
export async function takeListedEvents(
  deps: IntakeDeps,
  listed: readonly ListedEvent[],
  { source, onEvent, tell }: ListedEventsOptions,
): Promise<number> {
  const finished = await listFinishedEventIds(
    deps.pool,
    listed.map(({ id }) => id),
  );
  const due = listed.filter(({ id }) => !finished.has(id)).toReversed();
  let handedOn = 0;
  let isTemporalAway = false;
  for (const { id, body } of due) {
    const act = await takeOne(deps, body, isTemporalAway).catch((error: unknown) => {
      if (!(error instanceof UnreadableEventError)) throw error;
      tell('listed event not readable', { event_id: id });
      return 'unreadable' as const;
    });
    deps.observer?.onListedEvent?.(source, act);
    if (act === 'signalled' || act === 'settled') handedOn += 1;
    if (act === 'not_handed_on' && !isTemporalAway) {
      isTemporalAway = true;
      tell('listed events not handed on', { event_id: id });
    }
    onEvent?.();
  }
  return handedOn;
}

export type ListedAct = 'signalled' | 'settled' | 'stored' | 'not_handed_on' | 'unreadable';

/** Stripe lists only events of the key's own mode, so the mode needs no look. */
async function takeOne(deps: IntakeDeps, body: unknown, isTemporalAway: boolean): Promise<ListedAct> {
  const event = readEvent(body);
  const ownership = { holdfastEnv: deps.holdfastEnv, isLive: event.livemode };
  const { verdict, isDue } = await takeIn(deps.pool, event, ownership);
  if (verdict.act === 'store' || !isDue) return 'stored';
  if (isTemporalAway) return 'not_handed_on';
  const { eventId } = event;
  const signal = verdict.act === 'signal' ? verdict.signal : null;
  return handOn(deps, { eventId, checkoutId: verdict.checkoutId, signal }).catch(
    () => 'not_handed_on' as const,
  );
}
