// What a PaymentIntent says of a checkout's money: read before every decision, and never believed beyond its words.
import { retrievePaymentIntent, type PaymentIntentReply } from '../platform/stripe';
import { decisionOn, sameKeyAgain, tell } from './decisions';
import type { ActivityDeps } from './deps';
import { isOurs } from './stripe-calls';

/** What is due, frozen when the checkout was opened. */
export interface Due {
  checkoutId: string;
  amountMinor: number;
  currency: string;
}

/** Reads the payment for a decision. Any failure is retried: nothing may be concluded from it. */
export async function read(
  deps: ActivityDeps,
  checkoutId: string,
  paymentIntentId: string,
): Promise<PaymentIntentReply> {
  try {
    return await retrievePaymentIntent(deps.stripe, paymentIntentId);
  } catch (error) {
    const { decision, failure } = decisionOn('read', error);
    await tell(deps, { checkoutId, call: 'read', decision, failure });
    throw sameKeyAgain('read', failure);
  }
}

/** Whether a PaymentIntent is this checkout's and its money is all in, in the right currency. */
export function isPaidInFull(deps: ActivityDeps, due: Due, payment: PaymentIntentReply): boolean {
  return (
    payment.status === 'succeeded' &&
    payment.amountReceivedMinor === due.amountMinor &&
    isDue(deps, due, payment)
  );
}

/** Whether a PaymentIntent is this checkout's and its whole sum waits to be captured. */
export function isAuthorisedInFull(deps: ActivityDeps, due: Due, payment: PaymentIntentReply): boolean {
  return (
    payment.status === 'requires_capture' &&
    payment.amountCapturableMinor === due.amountMinor &&
    isDue(deps, due, payment)
  );
}

function isDue(deps: ActivityDeps, due: Due, payment: PaymentIntentReply): boolean {
  return isOurs(deps, payment, due.checkoutId) && payment.currency === due.currency;
}
