// Step 3: the payment window. Events are judged once each; the first that decides ends the wait, else the deadline does.
import { ActivityFailure, condition, isCancellation } from '@temporalio/workflow';

import type { PaymentReading } from '../activities/read-payment';
import type { FailureCode } from '../contracts/checkout';
import { isHardDecline, type PaymentEvent } from '../contracts/payment-events';
import type { UnpaidStatus } from '../contracts/statuses';
import type { CheckoutRun, Turn } from './checkout-run';
import { extend } from './extensions';
import { OPERATOR_CANCEL } from './operator-cancel';
import { openIncident, recordDecline, recordProcessing, stripeLook } from './steps';
import { showBound, showProcessing } from './visibility';

const LOOK_MAX_MS = 20_000;
const LOOK_MIN_MS = 1_000;

export async function waitStep(run: CheckoutRun): Promise<Turn> {
  showBound(run);
  run.answerOpened();
  try {
    for (;;) {
      const remainingMs = run.deadlineMs - Date.now();
      if (remainingMs > 0) await condition(() => run.hasNews(), remainingMs, { summary: 'payment window' });
      if (!run.hasNews()) return unwind('expired');
      const turn = await judge(run);
      if (turn !== null) return turn;
    }
  } catch (error) {
    // An operator's cancel, not the shopper's: an authorisation is let go as well.
    if (isCancellation(error)) return { to: 'unwind', unwinding: OPERATOR_CANCEL };
    throw error;
  }
}

/**
 * One piece of news. Events come before the shopper's cancel: a payment that won the race is an order. An operator's cancel
 * comes before both, because ending the payment begins with asking Stripe, and lets go of what is only authorised.
 */
async function judge(run: CheckoutRun): Promise<Turn | null> {
  if (run.isCanceledByOperator) return { to: 'unwind', unwinding: OPERATOR_CANCEL };
  const event = run.nextEvent();
  if (event !== undefined) return judgeEvent(run, event);
  const extension = run.extensions.next();
  if (extension !== undefined) {
    await extend(run, extension);
    return null;
  }
  if (run.isAskedAgain) {
    run.isAskedAgain = false;
    return reread(run);
  }
  return unwind('canceled');
}

async function judgeEvent(run: CheckoutRun, event: PaymentEvent): Promise<Turn | null> {
  run.judgedIds.push(event.eventId);
  if (event.paymentIntentId !== run.boundId) return null;
  switch (event.type) {
    case 'payment_intent.succeeded':
      return isPaidInFull(run, event) ? { to: 'confirm' } : reread(run);
    case 'payment_intent.canceled':
      return unwind('payment_failed', 'payment_intent_canceled');
    case 'payment_intent.payment_failed':
      return countAttempt(run, event);
    case 'payment_intent.processing':
    case 'payment_intent.amount_capturable_updated':
      return reread(run, event);
  }
}

/** A signed `succeeded` is believed when every field matches what was frozen at the opening. */
function isPaidInFull(run: CheckoutRun, event: PaymentEvent): boolean {
  const { amountMinor, currency } = run.open;
  return event.amountReceivedMinor === amountMinor && event.currency === currency;
}

/** Stripe away: nothing is concluded from it, and the deadline asks again. */
async function look(run: CheckoutRun): Promise<PaymentReading | null> {
  const { amountMinor, currency } = run.open;
  const remainingMs = Math.max(run.deadlineMs - Date.now(), LOOK_MIN_MS);
  try {
    return await stripeLook(Math.min(remainingMs, LOOK_MAX_MS)).readPayment({
      checkoutId: run.checkoutId,
      paymentIntentId: run.boundId,
      amountMinor,
      currency,
    });
  } catch (error) {
    if (error instanceof ActivityFailure && !isCancellation(error)) return null;
    throw error;
  }
}

/** What Stripe says now. Money that does not match what is due keeps the hold, and a person is told. */
async function reread(run: CheckoutRun, event?: PaymentEvent): Promise<Turn | null> {
  const { checkoutId, boundId } = run;
  const payment = await look(run);
  if (payment === null) return null;
  if (payment.isPaidInFull) return { to: 'confirm' };
  if (payment.isAuthorisedInFull) return { to: 'capture' };
  if (payment.status === 'canceled') return unwind('payment_failed', 'payment_intent_canceled');
  if (payment.status === 'succeeded' || payment.status === 'requires_capture') {
    await openIncident({
      checkoutId,
      kind: 'payment_does_not_match',
      detail: { payment_intent_id: boundId },
    });
  }
  if (payment.status === 'processing' && event !== undefined) {
    await recordProcessing({ checkoutId, eventId: event.eventId });
    showProcessing(run);
  }
  return null;
}

/** A soft decline keeps the hold for another card; a hard one, or the last attempt allowed, ends the checkout. */
async function countAttempt(run: CheckoutRun, event: PaymentEvent): Promise<Turn | null> {
  const { attempt, eventId } = event;
  if (attempt === null) return null;
  const { attempts } = await recordDecline({ checkoutId: run.checkoutId, eventId, attempt });
  run.attempts = attempts;
  if (isHardDecline(attempt)) return unwind('payment_failed', 'card_declined');
  if (attempts >= run.open.policy.paymentAttemptsMax)
    return unwind('payment_failed', 'payment_attempts_exhausted');
  return null;
}

function unwind(status: UnpaidStatus, failureCode: FailureCode | null = null): Turn {
  return { to: 'unwind', unwinding: { status, failureCode } };
}
