// What the decisions have done: effects with all that was decided about them, waits, and notes for those who look on.
import type { ReleaseInput } from '../../activities/checkout';
import type { FailureCode, Unwinding } from '../../contracts/checkout';
import type { ExtendAnswer, ExtendRequest } from '../../contracts/operations';
import type { PaymentAttempt } from '../../contracts/payment-events';

/** Effects on the payment and the units that both sagas know. */
export type SagaCommand =
  | { do: 'renew_lease' }
  | { do: 'end_payment'; n: number; isReleased: boolean; isVoid: boolean }
  | { do: 'secure_units' }
  | { do: 'capture'; n: number }
  | { do: 'confirm'; eventIds: string[] }
  | ({ do: 'release' } & ReleaseAs & { eventIds: string[] })
  | { do: 'close_unbound'; failureCode: FailureCode }
  | { do: 'close_events'; eventIds: string[] }
  | { do: 'open_incident'; kind: string; detail: Record<string, string> }
  /** Ends early when payment news come, if `isWoken`. */
  | { do: 'pause'; ms: number; isWoken: boolean };

/** What a released checkout is closed as. */
export type ReleaseAs = Pick<ReleaseInput, 'status' | 'failureCode'>;

export type CheckoutCommand =
  | SagaCommand
  | { do: 'open' }
  | { do: 'create'; n: number; withinMs: number }
  /** Until this workflow time, or until there is any news. */
  | { do: 'wait'; untilMs: number }
  | { do: 'look'; withinMs: number }
  | { do: 'record_decline'; eventId: string; attempt: PaymentAttempt }
  | { do: 'record_processing'; eventId: string }
  | { do: 'extend'; request: ExtendRequest }
  | { do: 'start_settlement' }
  | CheckoutNote
  | { do: 'finish' };

/** Seen or answered at once: nothing is waited for. */
export type CheckoutNote =
  | {
      do: 'show';
      what: 'bound' | 'waiting' | 'processing' | 'capturing' | 'confirming' | 'unresolved' | 'closed';
    }
  | { do: 'show_unwinding'; why: Unwinding }
  | { do: 'answer_opened' }
  | { do: 'answer_closed' }
  | { do: 'answer_extension'; requestKey: string; answer: ExtendAnswer };

export type SettlementCommand =
  | SagaCommand
  | { do: 'read_case' }
  | { do: 'ask_checkout' }
  | { do: 'record_money' }
  | { do: 'refund' }
  /** Until woken, at most so long. */
  | { do: 'rest'; ms: number }
  /** Nothing is remembered that cannot be read again: a long history may be left behind here. */
  | { do: 'turn_page' }
  | { do: 'finish' };
