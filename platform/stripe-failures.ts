// What a failed call to Stripe means, as a table. Decided by HTTP status and code, never by the message's text.
import Stripe from 'stripe';

export type StripeFailureKind =
  /** Nobody knows whether it happened. */
  | 'no_reply'
  /** Stripe did not execute it. */
  | 'not_executed'
  /** Stripe stores it under the key and replays it, whether or not it happened. */
  | 'server_error'
  /** The object is not in a state that allows the call. Its status tells. */
  | 'unexpected_state'
  /** Our key. A person must act. */
  | 'unauthorized'
  /** The buyer's bank said no, or the authorisation is gone. */
  | 'declined'
  /** The charge is disputed: the money is being taken back already. */
  | 'disputed'
  /** Any other 4xx: our mistake, or an amount Stripe does not take. Repeating does not help. */
  | 'rejected';

export interface StripeFailure {
  kind: StripeFailureKind;
  /** Stripe's code, else `http_<status>`; `no_reply` without a status. */
  code: string;
}

/** What the rules look at. */
interface WireFailure {
  status: number;
  code: string;
}

interface FailureRule {
  on: string;
  matches: (failure: WireFailure) => boolean;
  kind: StripeFailureKind;
}

/** Codes that say an authorisation can never be captured (https://docs.stripe.com/error-codes). */
const CAPTURE_IMPOSSIBLE = new Set([
  'capture_charge_authorization_expired',
  'capture_unauthorized_payment',
  'charge_expired_for_capture',
]);

/**
 * The first row that matches counts. Sources: https://docs.stripe.com/error-low-level,
 * https://docs.stripe.com/api/errors, https://docs.stripe.com/api/idempotent_requests.
 */
export const FAILURE_RULES: readonly FailureRule[] = [
  { on: 'an error without an error status', matches: ({ status }) => status < 400, kind: 'no_reply' },
  { on: '409, whatever its code', matches: ({ status }) => status === 409, kind: 'not_executed' },
  { on: '429, rate or object lock', matches: ({ status }) => status === 429, kind: 'not_executed' },
  { on: '5xx', matches: ({ status }) => status >= 500, kind: 'server_error' },
  { on: '401 and 403', matches: ({ status }) => status === 401 || status === 403, kind: 'unauthorized' },
  {
    on: 'payment_intent_unexpected_state',
    matches: ({ code }) => code === 'payment_intent_unexpected_state',
    kind: 'unexpected_state',
  },
  { on: '402', matches: ({ status }) => status === 402, kind: 'declined' },
  {
    on: 'an authorisation that is gone',
    matches: ({ code }) => CAPTURE_IMPOSSIBLE.has(code),
    kind: 'declined',
  },
  { on: 'charge_disputed', matches: ({ code }) => code === 'charge_disputed', kind: 'disputed' },
  { on: 'any other answer', matches: () => true, kind: 'rejected' },
];

/**
 * Reads a thrown error of the SDK. What never got an answer that is Stripe's (no reply, a timeout, a torn or foreign
 * body), and every error that is not the SDK's, is `no_reply`.
 */
export function readStripeFailure(error: unknown): StripeFailure {
  if (!(error instanceof Stripe.errors.StripeError)) return { kind: 'no_reply', code: 'no_reply' };
  const { statusCode } = error;
  if (statusCode === undefined || error instanceof Stripe.errors.StripeConnectionError)
    return { kind: 'no_reply', code: 'no_reply' };
  const failure = { status: statusCode, code: error.code ?? `http_${statusCode}` };
  const rule = FAILURE_RULES.find(({ matches }) => matches(failure));
  return { kind: rule?.kind ?? 'rejected', code: failure.code };
}
