// The turns a checkout takes: each enters a step and says what is done first.
import type { ClosedCheckout } from '../../activities/checkout';
import type { FailureCode, Unwinding } from '../../contracts/checkout';
import type { OperationRefusal } from '../../contracts/operations';
import type { UnpaidStatus } from '../../contracts/statuses';
import type { CheckoutDecision, CheckoutState, Step } from './checkout-state';
import { beginCapturing, type Capturing } from './capturing';
import type { CheckoutCommand } from './commands';
import { beginEnding, endingRound, type Ending } from './ending';
import { judgeAllNews, withNews } from './news';

/** How a checkout ends when an operator says so: an authorised or processing payment is let go as well. */
export const OPERATOR_CANCEL = {
  status: 'canceled',
  failureCode: null,
  isVoid: true,
} as const satisfies Unwinding;

export function toOpen(state: CheckoutState): CheckoutDecision {
  return { state: at(state, { at: 'opening' }), commands: [{ do: 'open' }] };
}

export function unwindAs(
  state: CheckoutState,
  status: UnpaidStatus,
  failureCode: FailureCode | null = null,
): CheckoutDecision {
  return toUnwind(state, { status, failureCode });
}

/**
 * Compensation, in reverse: a bound payment is ended first, and only its proof leads on to the release. Both undos hold
 * also where their step never happened.
 */
export function toUnwind(state: CheckoutState, why: Unwinding): CheckoutDecision {
  const left = leaveWindow(state, 'compensation_began');
  const shown: CheckoutCommand[] = [...left.commands, { do: 'show_unwinding', why }];
  if (state.paymentIntentId === null) {
    const failureCode = why.failureCode ?? 'checkout_not_opened';
    const closing: CheckoutCommand = { do: 'close_unbound', failureCode };
    return { state: at(left.state, { at: 'closing_unbound' }), commands: [...shown, closing] };
  }
  const round = toEndingRound(left.state, why, beginEnding({ isReleased: false, isVoid: false }));
  return { state: round.state, commands: [...shown, ...round.commands] };
}

/** One attempt at the end of the payment; asked anew each time whether an operator has said to let go of it. */
export function toEndingRound(state: CheckoutState, why: Unwinding, ending: Ending): CheckoutDecision {
  const isVoid = state.news.isCanceledByOperator || (why.isVoid ?? false);
  const asking = { ...ending, isVoid };
  return {
    state: at(judgeAllNews(state), { at: 'ending', why, ending: asking }),
    commands: endingRound(asking),
  };
}

/** The payment is proven to have ended without money. */
export function toRelease(state: CheckoutState, unwinding: Unwinding): CheckoutDecision {
  const { status, failureCode } = state.news.isCanceledByOperator ? OPERATOR_CANCEL : unwinding;
  if (status === 'refused') throw new Error('A checkout with a bound payment is never refused.');
  return {
    state: { ...at(state, { at: 'releasing' }), judgedIds: [] },
    commands: [{ do: 'release', status, failureCode, eventIds: state.judgedIds }],
  };
}

export function toCapture(state: CheckoutState): CheckoutDecision {
  const left = leaveWindow(state, 'payment_won');
  const round = toCapturingRound(left.state, beginCapturing());
  return {
    state: round.state,
    commands: [...left.commands, { do: 'show', what: 'capturing' }, ...round.commands],
  };
}

export function toCapturingRound(state: CheckoutState, capturing: Capturing): CheckoutDecision {
  return {
    state: at(judgeAllNews(state), { at: 'capturing', capturing }),
    commands: [{ do: 'secure_units' }],
  };
}

/** The money is in: with the units it becomes an order. */
export function toConfirm(state: CheckoutState): CheckoutDecision {
  const left = leaveWindow(state, 'payment_won');
  return {
    state: { ...at(left.state, { at: 'confirming' }), judgedIds: [] },
    commands: [
      ...left.commands,
      { do: 'show', what: 'confirming' },
      { do: 'confirm', eventIds: state.judgedIds },
    ],
  };
}

export function toClosed(state: CheckoutState, result: ClosedCheckout, hasUnheard = false): CheckoutDecision {
  const left = leaveWindow(state, 'checkout_closed');
  const rest = handOver(
    at(left.state, { at: 'closed', result }),
    result,
    hasUnheard || result.status === 'refund_pending',
  );
  return {
    state: rest.state,
    commands: [...left.commands, { do: 'show', what: 'closed' }, { do: 'answer_closed' }, ...rest.commands],
  };
}

/**
 * The last act: no stored event stays without outcome because its checkout has closed. What moved nothing is written down as
 * such; money that came too late, or must go back, is settlement's.
 */
export function handOver(
  state: CheckoutState,
  result: ClosedCheckout,
  needsSettlement: boolean,
): CheckoutDecision {
  const { events } = state.news;
  const late = events.filter(({ type }) => isUnpaid(result) && isMoney(type));
  const idle = events.filter((event) => !late.includes(event));
  const eventIds = [...state.judgedIds, ...idle.map(({ eventId }) => eventId)];
  const commands: CheckoutCommand[] = [];
  if (eventIds.length > 0) commands.push({ do: 'close_events', eventIds });
  if (late.length > 0 || needsSettlement) commands.push({ do: 'start_settlement' });
  return { state: { ...withNews(state, { events: [] }), judgedIds: [] }, commands };
}

function isUnpaid({ status }: ClosedCheckout): boolean {
  return status === 'expired' || status === 'canceled' || status === 'payment_failed';
}

function isMoney(type: string): boolean {
  return type === 'payment_intent.succeeded' || type === 'payment_intent.amount_capturable_updated';
}

/** Whoever still waits for more time is told why there is none. */
function leaveWindow(state: CheckoutState, refusal: OperationRefusal): CheckoutDecision {
  return {
    state: withNews(state, { extensions: [] }),
    commands: state.news.extensions.map(({ requestKey }) => ({
      do: 'answer_extension',
      requestKey,
      answer: { outcome: 'refused', refusal },
    })),
  };
}

export function at(state: CheckoutState, step: Step): CheckoutState {
  return { ...state, step };
}
