// Step 3: the payment window. Events are judged once each; the first that decides ends the wait, else the deadline does.
import type { PaymentReading } from '../../activities/read-payment';
import { isHardDecline, type PaymentEvent } from '../../contracts/payment-events';
import type { ExtendAnswer, ExtendRequest } from '../../contracts/operations';
import { openedOf, type CheckoutDecision, type CheckoutState } from './checkout-state';
import type { CheckoutCommand } from './commands';
import { hasNews, withNews } from './news';
import { at, OPERATOR_CANCEL, toCapture, toConfirm, toUnwind, unwindAs } from './turns';

const LOOK_MAX_MS = 20_000;
const LOOK_MIN_MS = 1_000;

/** The PaymentIntent is bound: the starter is answered, and the wait begins. */
export function enterWindow(state: CheckoutState, nowMs: number): CheckoutDecision {
  return after([{ do: 'show', what: 'bound' }, { do: 'answer_opened' }], goOn(state, nowMs));
}

/** Judges what has come; without news, waits for what is left of the window. */
export function goOn(state: CheckoutState, nowMs: number): CheckoutDecision {
  if (hasNews(state)) return judge(state, nowMs);
  const { deadlineMs } = state;
  if (nowMs >= deadlineMs) return unwindAs(state, 'expired');
  return { state: at(state, { at: 'waiting' }), commands: [{ do: 'wait', untilMs: deadlineMs }] };
}

/** Woken without news: the timer. */
export function wake(state: CheckoutState, nowMs: number): CheckoutDecision {
  return hasNews(state) ? judge(state, nowMs) : unwindAs(state, 'expired');
}

/**
 * One piece of news. Events come before the shopper's cancel: a payment that won the race is an order. An operator's cancel
 * comes before both, because ending the payment begins with asking Stripe, and lets go of what is only authorised.
 */
function judge(state: CheckoutState, nowMs: number): CheckoutDecision {
  const { events, extensions, isCanceledByOperator, isLookAsked } = state.news;
  if (isCanceledByOperator) return toUnwind(state, OPERATOR_CANCEL);
  const [event] = events;
  if (event !== undefined) return judgeEvent(withNews(state, { events: events.slice(1) }), event, nowMs);
  const [request] = extensions;
  if (request !== undefined) return extend(state, request, nowMs);
  if (isLookAsked) return look(withNews(state, { isLookAsked: false }), null, nowMs);
  return unwindAs(state, 'canceled');
}

function judgeEvent(before: CheckoutState, event: PaymentEvent, nowMs: number): CheckoutDecision {
  const { eventId, attempt } = event;
  const state = { ...before, judgedIds: [...before.judgedIds, eventId] };
  if (event.paymentIntentId !== state.paymentIntentId) return goOn(state, nowMs);
  switch (event.type) {
    case 'payment_intent.succeeded':
      return isPaidInFull(state, event) ? toConfirm(state) : look(state, null, nowMs);
    case 'payment_intent.canceled':
      return unwindAs(state, 'payment_failed', 'payment_intent_canceled');
    case 'payment_intent.payment_failed':
      if (attempt === null) return goOn(state, nowMs);
      return {
        state: at(state, { at: 'counting', isHard: isHardDecline(attempt) }),
        commands: [{ do: 'record_decline', eventId, attempt }],
      };
    case 'payment_intent.processing':
    case 'payment_intent.amount_capturable_updated':
      return look(state, eventId, nowMs);
  }
}

/** A signed `succeeded` is believed when every field matches what was frozen at the opening. */
function isPaidInFull(state: CheckoutState, event: PaymentEvent): boolean {
  const { amountMinor, currency } = openedOf(state);
  return event.amountReceivedMinor === amountMinor && event.currency === currency;
}

/** A soft decline keeps the hold for another card; a hard one, or the last attempt allowed, ends the checkout. */
export function judgeCounted(
  before: CheckoutState,
  isHard: boolean,
  attempts: number,
  nowMs: number,
): CheckoutDecision {
  const state = { ...before, attempts };
  if (isHard) return unwindAs(state, 'payment_failed', 'card_declined');
  if (attempts >= openedOf(state).policy.paymentAttemptsMax)
    return unwindAs(state, 'payment_failed', 'payment_attempts_exhausted');
  return goOn(state, nowMs);
}

/** Bounded, because news may wait behind it, and the deadline looks again. */
function look(state: CheckoutState, eventId: string | null, nowMs: number): CheckoutDecision {
  const withinMs = Math.min(Math.max(state.deadlineMs - nowMs, LOOK_MIN_MS), LOOK_MAX_MS);
  return { state: at(state, { at: 'looking', eventId }), commands: [{ do: 'look', withinMs }] };
}

/** What Stripe says now. Money that does not match what is due keeps the hold, and a person is told. */
export function judgeLook(
  state: CheckoutState,
  eventId: string | null,
  payment: PaymentReading | null,
  nowMs: number,
): CheckoutDecision {
  // Stripe away: nothing is concluded from it, and the deadline asks again.
  if (payment === null) return goOn(state, nowMs);
  if (payment.isPaidInFull) return toConfirm(state);
  if (payment.isAuthorisedInFull) return toCapture(state);
  if (payment.status === 'canceled') return unwindAs(state, 'payment_failed', 'payment_intent_canceled');
  const commands: CheckoutCommand[] = [];
  if (payment.status === 'succeeded' || payment.status === 'requires_capture') {
    const detail = { payment_intent_id: state.paymentIntentId ?? '' };
    commands.push({ do: 'open_incident', kind: 'payment_does_not_match', detail });
  }
  if (payment.status === 'processing' && eventId !== null)
    commands.push({ do: 'record_processing', eventId }, { do: 'show', what: 'processing' });
  return after(commands, goOn(state, nowMs));
}

/** The database first, then the timer: a lost write would leave units whose lease ends before the buyer's time does. */
function extend(state: CheckoutState, request: ExtendRequest, nowMs: number): CheckoutDecision {
  if (nowMs < state.deadlineMs)
    return { state: at(state, { at: 'extending', request }), commands: [{ do: 'extend', request }] };
  return judgeExtended(state, request, { outcome: 'refused', refusal: 'deadline_passed' }, nowMs);
}

export function judgeExtended(
  state: CheckoutState,
  { requestKey, seconds }: ExtendRequest,
  answer: ExtendAnswer,
  nowMs: number,
): CheckoutDecision {
  const isMoved = answer.outcome === 'extended';
  const extended = withNews(state, { extensions: state.news.extensions.slice(1) });
  const next = isMoved ? { ...extended, deadlineMs: extended.deadlineMs + seconds * 1000 } : extended;
  const shown: CheckoutCommand[] = isMoved ? [{ do: 'show', what: 'waiting' }] : [];
  return after([{ do: 'answer_extension', requestKey, answer }, ...shown], goOn(next, nowMs));
}

function after(commands: CheckoutCommand[], decision: CheckoutDecision): CheckoutDecision {
  return { state: decision.state, commands: [...commands, ...decision.commands] };
}

/** Whether the step under way has begun nothing that must be finished. */
export function isInWindow({ step }: CheckoutState): boolean {
  return WINDOW_STEPS.has(step.at);
}

const WINDOW_STEPS: ReadonlySet<CheckoutState['step']['at']> = new Set([
  'waiting',
  'looking',
  'counting',
  'extending',
]);
