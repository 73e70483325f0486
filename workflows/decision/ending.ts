// Compensation's first half, for checkout and settlement: go on until Stripe has said how the payment ended.
import type { EndPaymentOutcome } from '../../activities/end-payment';
import type { FailureCode } from '../../contracts/checkout';
import type { SagaCommand } from './commands';

/** Not taken: no worker took the task in time; the lease is renewed before the next. */
export type EndedAnswer = EndPaymentOutcome | { outcome: 'not_taken' };

export interface Ending {
  /** Part of the Stripe key: one more after every definite answer that was no success. */
  n: number;
  pauseSeconds: number;
  /** Nothing is held any more: the end is still needed, a lease is not. */
  isReleased: boolean;
  /** An authorised or processing payment is cancelled as well. */
  isVoid: boolean;
}

export type EndingMove =
  /** Ask again, at once. */
  | { next: 'round'; ending: Ending }
  /** Ask again after `pauseMs`, or when there is news. */
  | { next: 'pause'; ending: Ending; pauseMs: number }
  /** The longest hold without proof is over: the units go back, and asking goes on. */
  | { next: 'give_up_hold'; ending: Ending }
  | { next: 'ended'; as: 'canceled' | 'succeeded' | 'authorised' };

const PAUSE_FIRST_SECONDS = 5;
/** After the units went back without proof nobody waits any more; the money still must be found. */
const PAUSE_RELEASED_MAX_SECONDS = 3_600;

export function beginEnding(how: { isReleased: boolean; isVoid: boolean }): Ending {
  return { n: 0, pauseSeconds: PAUSE_FIRST_SECONDS, ...how };
}

export function endingRound({ n, isReleased, isVoid }: Ending): SagaCommand[] {
  const ask: SagaCommand = { do: 'end_payment', n, isReleased, isVoid };
  return isReleased ? [ask] : [{ do: 'renew_lease' }, ask];
}

/** What an attempt's answer means. Nothing but proof ends it. */
export function judgeEnded(ending: Ending, { outcome }: EndedAnswer, pauseMaxSeconds: number): EndingMove {
  switch (outcome) {
    case 'canceled':
    case 'unbound':
      return { next: 'ended', as: 'canceled' };
    case 'succeeded':
      return { next: 'ended', as: 'succeeded' };
    case 'authorised':
      // Where it must be let go, it has not ended.
      return ending.isVoid || ending.isReleased
        ? pause(ending, pauseMaxSeconds)
        : { next: 'ended', as: 'authorised' };
    case 'not_taken':
      return { next: 'round', ending };
    case 'hold_max_reached':
      return { next: 'give_up_hold', ending: { ...ending, isReleased: true } };
    case 'again':
      return pause({ ...ending, n: ending.n + 1 }, pauseMaxSeconds);
    case 'kept':
      return pause(ending, pauseMaxSeconds);
  }
}

function pause(ending: Ending, pauseMaxSeconds: number): EndingMove {
  const { pauseSeconds, isReleased } = ending;
  const maxSeconds = isReleased ? PAUSE_RELEASED_MAX_SECONDS : pauseMaxSeconds;
  return {
    next: 'pause',
    ending: { ...ending, pauseSeconds: Math.min(pauseSeconds * 2, maxSeconds) },
    pauseMs: pauseSeconds * 1000,
  };
}

/** The one release without proof, after the longest hold. An incident says so, and the caller goes on asking Stripe. */
export function unprovenRelease(eventIds: string[]): SagaCommand[] {
  return [
    { do: 'open_incident', kind: UNRESOLVED, detail: {} },
    { do: 'release', status: 'expired', failureCode: UNRESOLVED, eventIds },
  ];
}

const UNRESOLVED: FailureCode = 'payment_unresolved';
