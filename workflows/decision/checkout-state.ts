// What one checkout run knows, and what it may hear. Plain data: the search writes it down, compares it, and goes on from it.
import type { CloseUnboundOutcome, EndedCheckout, OpenOutcome } from '../../activities/checkout';
import type { CreateOutcome } from '../../activities/create-payment';
import type { PaymentReading } from '../../activities/read-payment';
import type { CheckoutResult, OpenedCheckout, Unwinding } from '../../contracts/checkout';
import type { ExtendAnswer, ExtendRequest } from '../../contracts/operations';
import type { PaymentEvent } from '../../contracts/payment-events';
import type { CheckoutCommand } from './commands';
import type { CapturedAnswer, Capturing } from './capturing';
import type { EndedAnswer, Ending } from './ending';

export interface CheckoutState {
  step: Step;
  open: OpenedCheckout | null;
  paymentIntentId: string | null;
  /** End of the payment window, by workflow time. */
  deadlineMs: number;
  /** Declined attempts, as the database counts them. */
  attempts: number;
  news: News;
  /** Judged, and not yet written as outcome: step 4, the release, or the end writes them. */
  judgedIds: string[];
  /** Every event that ever came, sorted. */
  seenIds: string[];
}

/** Each step waits for one answer; a message may come in every one. */
export type Step =
  | { at: 'beginning' }
  | { at: 'opening' }
  | { at: 'creating'; n: number; giveUpAtMs: number }
  | { at: 'waiting' }
  | { at: 'looking'; eventId: string | null }
  | { at: 'counting'; isHard: boolean }
  | { at: 'extending'; request: ExtendRequest }
  | { at: 'ending'; why: Unwinding; ending: Ending }
  | { at: 'capturing'; capturing: Capturing }
  | { at: 'confirming' }
  | { at: 'releasing' }
  | { at: 'closing_unbound' }
  | { at: 'closed'; result: CheckoutResult };

/** What came and has not been judged. */
export interface News {
  events: PaymentEvent[];
  extensions: ExtendRequest[];
  isCancelAsked: boolean;
  /** An operator's cancel stays: from then on the payment is ended whatever its status. */
  isCanceledByOperator: boolean;
  isLookAsked: boolean;
}

/** Messages are remembered at once and answered by no command. */
export type CheckoutMessage =
  | { type: 'payment_event'; event: PaymentEvent }
  | { type: 'cancel_asked' }
  | { type: 'operator_canceled' }
  | { type: 'look_asked' }
  | { type: 'extension_asked'; request: ExtendRequest };

/** The answer of the last command. */
export type CheckoutAnswer =
  | { type: 'begun'; isLate: boolean }
  | { type: 'opened'; opened: OpenOutcome | { outcome: 'gave_up' } }
  | { type: 'created'; created: CreateOutcome | { outcome: 'gave_up' } }
  /** A wait or pause is over. */
  | { type: 'woken' }
  /** Null: Stripe could not be asked. */
  | { type: 'looked'; payment: PaymentReading | null }
  | { type: 'counted'; attempts: number }
  | { type: 'extended'; answer: ExtendAnswer }
  | { type: 'ended'; ended: EndedAnswer }
  | { type: 'secured'; isSecured: boolean }
  | { type: 'captured'; captured: CapturedAnswer }
  | { type: 'unbound_closed'; closed: CloseUnboundOutcome }
  | { type: 'closed'; closed: EndedCheckout }
  /** The run was cancelled in Temporal: an operator's cancel. Heard in the payment window alone. */
  | { type: 'run_canceled' }
  /** Of a command that has nothing to answer. */
  | { type: 'done' };

/** `nowMs`: workflow time. */
export type CheckoutEvent = (CheckoutMessage | CheckoutAnswer) & { nowMs: number };

/** Carried out in order; the answer of the last one is the next event. */
export interface Decision<State, Command> {
  state: State;
  commands: Command[];
}
export type CheckoutDecision = Decision<CheckoutState, CheckoutCommand>;

export const FIRST_STATE: CheckoutState = {
  step: { at: 'beginning' },
  open: null,
  paymentIntentId: null,
  deadlineMs: 0,
  attempts: 0,
  news: { events: [], extensions: [], isCancelAsked: false, isCanceledByOperator: false, isLookAsked: false },
  judgedIds: [],
  seenIds: [],
};

/** The policy and sums that step 1 froze. */
export function openedOf({ open }: CheckoutState): OpenedCheckout {
  if (open === null) throw new Error('The checkout is not open yet.');
  return open;
}

/** A programming error: the step under way waits for another answer. */
export function unexpected(state: { step: { at: string } }, event: { type: string }): Error {
  return new Error(`${event.type} is no answer to ${state.step.at}.`);
}
