// The secret a browser pays with: read from Stripe for the one answer, never stored and never logged.
import type { Logger } from 'pino';
import type Stripe from 'stripe';

import type { CheckoutView } from '../db/checkouts';
import { retrievePaymentIntent } from '../platform/stripe';

/** Null when the checkout is not payable, or Stripe cannot be read now: the buyer may ask again. */
export async function readClientSecret(
  stripe: Stripe,
  checkout: Pick<CheckoutView, 'isPayable' | 'paymentIntentId'>,
  log: Logger,
): Promise<string | null> {
  if (!checkout.isPayable || checkout.paymentIntentId === null) return null;
  try {
    const { clientSecret } = await retrievePaymentIntent(stripe, checkout.paymentIntentId);
    return clientSecret;
  } catch (err) {
    log.warn({ err: nameOf(err) }, 'client secret could not be read');
    return null;
  }
}

/** Only the class: an SDK error may carry parts of a reply. */
function nameOf(err: unknown): string {
  return err instanceof Error ? err.constructor.name : typeof err;
}
