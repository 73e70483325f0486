// The checkout's decisions: what is done next, given what is known and what was answered. Pure, and all of it: the workflow
// carries out what it says, and test/search explores the same function.
import type {
  CloseUnboundOutcome,
  ClosedCheckout,
  EndedCheckout,
  OpenOutcome,
} from '../../activities/checkout';
import type { CreateOutcome } from '../../activities/create-payment';
import type { FailureCode } from '../../contracts/checkout';
import { judgeCaptured, CAPTURE_UNWINDINGS, type CapturedAnswer, type Capturing } from './capturing';
import {
  openedOf,
  unexpected,
  type CheckoutAnswer,
  type CheckoutDecision,
  type CheckoutEvent,
  type CheckoutMessage,
  type CheckoutState,
  type Step,
} from './checkout-state';
import { judgeEnded, unprovenRelease, type EndedAnswer } from './ending';
import { receive } from './news';
import { enterWindow, judgeCounted, judgeExtended, judgeLook, wake } from './payment-window';
import {
  at,
  handOver,
  OPERATOR_CANCEL,
  toCapture,
  toCapturingRound,
  toClosed,
  toConfirm,
  toEndingRound,
  toOpen,
  toRelease,
  toUnwind,
  unwindAs,
} from './turns';

const CREATE_TOTAL_MS = 20_000;
const CREATE_PAUSE_MS = 1_000;

/** The one function that decides over a checkout. @throws Error on an answer that the step under way did not ask for. */
export function decide(state: CheckoutState, event: CheckoutEvent): CheckoutDecision {
  if (isMessage(event)) return { state: receive(state, event), commands: [] };
  // Whatever the window was about: it began nothing that must be finished.
  if (event.type === 'run_canceled') return toUnwind(state, OPERATOR_CANCEL);
  const { nowMs } = event;
  const answer = answerTo(state, event);
  const { step } = state;
  switch (step.at) {
    case 'beginning':
      return answer('begun').isLate ? unwindAs(state, 'refused', 'checkout_not_opened') : toOpen(state);
    case 'opening':
      return judgeOpened(state, answer('opened').opened, nowMs);
    case 'creating':
      return event.type === 'woken'
        ? createAgain(state, step, nowMs)
        : judgeCreated(state, step, answer('created').created, nowMs);
    case 'waiting':
      answer('woken');
      return wake(state, nowMs);
    case 'looking':
      return judgeLook(state, step.eventId, answer('looked').payment, nowMs);
    case 'counting':
      return judgeCounted(state, step.isHard, answer('counted').attempts, nowMs);
    case 'extending':
      return judgeExtended(state, step.request, answer('extended').answer, nowMs);
    case 'ending':
      return event.type === 'woken'
        ? toEndingRound(state, step.why, step.ending)
        : judgeEnd(state, step, answer('ended').ended);
    case 'capturing':
      return goOnCapturing(state, step.capturing, event);
    case 'confirming':
    case 'releasing':
      return toEnded(state, answer('closed').closed);
    case 'closing_unbound':
      return judgeUnboundClosed(state, answer('unbound_closed').closed);
    case 'closed':
      answer('done');
      return finish(state, step.result);
  }
}

const MESSAGES: ReadonlySet<CheckoutEvent['type']> = new Set<CheckoutMessage['type']>([
  'payment_event',
  'cancel_asked',
  'operator_canceled',
  'look_asked',
  'extension_asked',
]);

function isMessage(event: CheckoutEvent): event is CheckoutMessage & { nowMs: number } {
  return MESSAGES.has(event.type);
}

/** Takes the event for the answer that the step waits for. */
function answerTo(state: CheckoutState, event: CheckoutAnswer) {
  return <T extends CheckoutAnswer['type']>(type: T): Extract<CheckoutAnswer, { type: T }> => {
    if (event.type !== type) throw unexpected(state, event);
    return event as Extract<CheckoutAnswer, { type: T }>;
  };
}

/** A closed row ends the run; one that has a PaymentIntent already goes on with it. */
function judgeOpened(
  state: CheckoutState,
  opened: OpenOutcome | { outcome: 'gave_up' },
  nowMs: number,
): CheckoutDecision {
  switch (opened.outcome) {
    case 'gave_up':
      return unwindAs(state, 'refused', 'checkout_not_opened');
    case 'closed':
      return toClosed(state, opened.closed);
    case 'opened': {
      const { checkout } = opened;
      const deadlineMs = nowMs + checkout.policy.windowSeconds * 1000;
      const { paymentIntentId } = checkout;
      const next = { ...state, open: checkout, deadlineMs, paymentIntentId };
      if (paymentIntentId !== null) return enterWindow(next, nowMs);
      return toCreate(next, { at: 'creating', n: 0, giveUpAtMs: nowMs + CREATE_TOTAL_MS }, nowMs);
    }
  }
}

type Creating = Extract<Step, { at: 'creating' }>;

function toCreate(state: CheckoutState, step: Creating, nowMs: number): CheckoutDecision {
  const { n, giveUpAtMs } = step;
  return { state: at(state, step), commands: [{ do: 'create', n, withinMs: giveUpAtMs - nowMs }] };
}

function createAgain(state: CheckoutState, step: Creating, nowMs: number): CheckoutDecision {
  if (nowMs >= step.giveUpAtMs) return unwindAs(state, 'refused', 'payment_provider_unavailable');
  return toCreate(state, step, nowMs);
}

function judgeCreated(
  state: CheckoutState,
  step: Creating,
  created: CreateOutcome | { outcome: 'gave_up' },
  nowMs: number,
): CheckoutDecision {
  switch (created.outcome) {
    case 'bound':
      return enterWindow({ ...state, paymentIntentId: created.paymentIntentId }, nowMs);
    case 'closed':
      return toOpen(state);
    case 'rejected':
      return unwindAs(state, 'refused', codeOfRejection(created.code));
    case 'too_late':
      return unwindAs(state, 'refused', 'checkout_not_opened');
    case 'gave_up':
      return unwindAs(state, 'refused', 'payment_provider_unavailable');
    case 'again':
      return {
        state: at(state, { ...step, n: step.n + 1 }),
        commands: [{ do: 'pause', ms: CREATE_PAUSE_MS, isWoken: false }],
      };
  }
}

function codeOfRejection(code: string): FailureCode {
  return code === 'amount_too_small' || code === 'amount_too_large' ? code : 'payment_provider_unavailable';
}

function judgeEnd(
  state: CheckoutState,
  { why, ending }: Extract<Step, { at: 'ending' }>,
  answer: EndedAnswer,
): CheckoutDecision {
  // Authorised in the moment before the operator's cancel came: this round lets go of it.
  if (answer.outcome === 'authorised' && state.news.isCanceledByOperator && !ending.isVoid)
    return toEndingRound(state, why, ending);
  const move = judgeEnded(ending, answer, openedOf(state).policy.endPaymentPauseMaxSeconds);
  switch (move.next) {
    case 'round':
      return toEndingRound(state, why, move.ending);
    case 'pause':
      return {
        state: at(state, { at: 'ending', why, ending: move.ending }),
        commands: [{ do: 'pause', ms: move.pauseMs, isWoken: true }],
      };
    case 'give_up_hold':
      return giveUpHold(state, why, move.ending);
    case 'ended':
      if (move.as === 'succeeded') return toConfirm(state);
      return move.as === 'authorised' ? toCapture(state) : toRelease(state, why);
  }
}

/** The one release without proof, after the longest hold. An incident says so, and the saga goes on asking Stripe. */
function giveUpHold(
  state: CheckoutState,
  why: Extract<Step, { at: 'ending' }>['why'],
  ending: Extract<Step, { at: 'ending' }>['ending'],
): CheckoutDecision {
  const eventIds = state.judgedIds;
  const round = toEndingRound({ ...state, judgedIds: [] }, why, ending);
  return {
    state: round.state,
    commands: [...unprovenRelease(eventIds), { do: 'show', what: 'unresolved' }, ...round.commands],
  };
}

function goOnCapturing(state: CheckoutState, capturing: Capturing, event: CheckoutAnswer): CheckoutDecision {
  const answer = answerTo(state, event);
  if (event.type === 'woken') return toCapturingRound(state, capturing);
  if (event.type === 'secured') {
    if (!event.isSecured) return toUnwind(state, CAPTURE_UNWINDINGS.units_gone);
    return { state, commands: [{ do: 'capture', n: capturing.n }] };
  }
  return judgeCapture(state, capturing, answer('captured').captured);
}

function judgeCapture(state: CheckoutState, capturing: Capturing, answer: CapturedAnswer): CheckoutDecision {
  const move = judgeCaptured(capturing, answer, openedOf(state).policy.endPaymentPauseMaxSeconds);
  switch (move.next) {
    case 'captured':
      return toConfirm(state);
    case 'lost':
      return toUnwind(state, CAPTURE_UNWINDINGS[move.why]);
    case 'round':
      return toCapturingRound(state, move.capturing);
    case 'pause':
      return {
        state: at(state, { at: 'capturing', capturing: move.capturing }),
        commands: [{ do: 'pause', ms: move.pauseMs, isWoken: true }],
      };
  }
}

/** Without a payment there is nothing to prove, unless a create bound its id after all: then the saga goes on with it. */
function judgeUnboundClosed(state: CheckoutState, closed: CloseUnboundOutcome): CheckoutDecision {
  return closed.outcome === 'bound' ? toOpen(state) : toClosed(state, closed.closed);
}

/** Events that were stored and never reached this run are settlement's. */
function toEnded(state: CheckoutState, { unheardEventIds, ...result }: EndedCheckout): CheckoutDecision {
  const hasUnheard = (unheardEventIds ?? []).some((id) => !state.seenIds.includes(id));
  return toClosed(state, result, hasUnheard);
}

/** Events may come until the very end. */
function finish(state: CheckoutState, result: ClosedCheckout): CheckoutDecision {
  if (state.news.events.length === 0) return { state, commands: [{ do: 'finish' }] };
  return handOver(state, result, false);
}
