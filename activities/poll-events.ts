// One turn at Stripe's events, for installations that no webhook reaches. Not an activity: it also works while Temporal is
// away, and needs no history.
import { randomUUID } from 'node:crypto';

import { JUDGED_EVENT_TYPES } from '../contracts/payment-events';
import { endPollingTurn, failPollingTurn, notePolledPage, takePollingTurn } from '../db/event-polling';
import type { PollingTurn } from '../db/event-polling';
import { openIncident } from '../db/incidents';
import { listEvents } from '../platform/stripe-events';
import type { ActivityDeps } from './deps';
import { takeListedEvents } from './listed-events';

/** A turn ends after a thousand events; the next goes on where it stopped. */
const PAGES_MAX = 10;
const INCIDENT_AGE_SECONDS = 600;

export type PollDeps = Pick<ActivityDeps, 'pool' | 'stripe' | 'runs' | 'holdfastEnv' | 'observer'>;

export interface PollOptions {
  tell: (message: string, fields: Record<string, unknown>) => void;
}

/**
 * Reads what is new at Stripe into the inbox and hands it on, unless it is another worker's turn or not time yet. When Stripe
 * is slow, away or answers nonsense, the turn ends without moving the cursor; after ten minutes of that a person is told.
 * @throws when the database does not answer.
 */
export async function pollEvents(
  deps: PollDeps,
  { tell }: PollOptions,
): Promise<'not_due' | 'polled' | 'failed'> {
  const holder = randomUUID();
  const turn = await takePollingTurn(deps.pool, holder);
  if (turn === null) return 'not_due';
  const endTimer = deps.observer?.onPoll?.();
  try {
    await readPages(deps, holder, turn, tell);
    await endPollingTurn(deps.pool, holder);
    endTimer?.('ok');
    return 'polled';
  } catch (error) {
    endTimer?.('failed');
    tell('stripe events not polled', { error });
    await noteFailure(deps, holder, error);
    return 'failed';
  }
}

async function readPages(
  deps: PollDeps,
  holder: string,
  turn: PollingTurn,
  tell: PollOptions['tell'],
): Promise<void> {
  let { startingAfter } = turn;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const { events, newestUnixSeconds, nextStartingAfter } = await listEvents(deps.stripe, {
      types: JUDGED_EVENT_TYPES,
      createdFromUnixSeconds: turn.createdFromUnixSeconds,
      startingAfter,
    });
    await takeListedEvents(deps, events, { source: 'poll', tell });
    const isStillOurs = await notePolledPage(deps.pool, holder, { newestUnixSeconds, nextStartingAfter });
    if (!isStillOurs || nextStartingAfter === null) return;
    startingAfter = nextStartingAfter;
  }
}

async function noteFailure(deps: PollDeps, holder: string, error: unknown): Promise<void> {
  const failingSeconds = await failPollingTurn(deps.pool, holder);
  if (failingSeconds < INCIDENT_AGE_SECONDS) return;
  await openIncident(deps.pool, {
    checkoutId: null,
    kind: 'events_not_polled',
    detail: { error: error instanceof Error ? error.name : 'unknown' },
  });
}
