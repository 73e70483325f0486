// What a failed call to Stripe means. Decided by HTTP status and code, never by the message's text.
import Stripe from 'stripe';

export type StripeFailure =
  /** Nobody knows whether it happened: no reply, a timeout, a torn or foreign body. Same key again. */
  | { kind: 'no_reply' }
  /** Stripe did not execute it (409 key in use, 429): same key again, a little later. */
  | { kind: 'not_executed'; retryAfterMs: number }
  /** 5xx: stored under the key and replayed. Look first, then a new key. */
  | { kind: 'server_error' }
  /** 400 `payment_intent_unexpected_state`: the object is not in a state that allows the call. Look at its status. */
  | { kind: 'unexpected_state' }
  /** 401 or 403: our key. A person must act. */
  | { kind: 'unauthorized' }
  /** Any other 4xx: our mistake, or an amount Stripe does not take. Repeating does not help. */
  | { kind: 'rejected'; code: string };

const NOT_EXECUTED_RETRY_MS = 1_000;

/**
 * Reads a thrown error of the SDK. Sources: https://docs.stripe.com/error-low-level and
 * https://docs.stripe.com/api/idempotent_requests. Errors that are not Stripe's count as `no_reply`.
 */
export function readStripeFailure(error: unknown): StripeFailure {
  if (!(error instanceof Stripe.errors.StripeError)) return { kind: 'no_reply' };
  const { statusCode, code } = error;
  if (statusCode === undefined || error instanceof Stripe.errors.StripeConnectionError)
    return { kind: 'no_reply' };
  if (statusCode === 409 || error instanceof Stripe.errors.StripeRateLimitError) {
    return { kind: 'not_executed', retryAfterMs: NOT_EXECUTED_RETRY_MS };
  }
  if (statusCode >= 500) return { kind: 'server_error' };
  if (statusCode === 401 || statusCode === 403) return { kind: 'unauthorized' };
  if (code === 'payment_intent_unexpected_state') return { kind: 'unexpected_state' };
  return { kind: 'rejected', code: code ?? `http_${statusCode}` };
}
