// Answers that a fault puts in place of the real one.

import type { Outcome } from '../context';
import { errorOutcome, stateErrorFields } from '../errors';
import type { ErrorFields } from '../errors';
import type { StatusReply } from '../faults';
import type { PaymentIntentObject } from '../types';

/**
 * The error a fault answers with. Kept under the idempotency key where Stripe would keep it: 400, 402 and 500. A 409 or
 * 429 says that nothing was executed, and 502 to 504 come from in front of the API, so a retry asks anew.
 */
export function faultOutcome(reply: StatusReply, intent: PaymentIntentObject | undefined): Outcome {
  const isStored = reply.status === 400 || reply.status === 402 || reply.status === 500;
  return errorOutcome(reply.status, faultFields(reply, intent), isStored);
}

/** What is stored when the call was executed but answered with a fault: Stripe's own 500, else the real answer. */
export function storedOutcome(fault: Outcome, real: Outcome): Outcome {
  return fault.status === 500 ? fault : real;
}

function faultFields(reply: StatusReply, intent: PaymentIntentObject | undefined): ErrorFields {
  const { status, code } = reply;
  if (code === 'payment_intent_unexpected_state' && intent) {
    return stateErrorFields('A fault of the Stripe simulator: unexpected state.', intent);
  }
  const message = `A fault of the Stripe simulator answers this call with ${status}.`;
  if (status === 409)
    return { type: 'invalid_request_error', code: code ?? 'idempotency_key_in_use', message };
  if (status === 429) return { type: 'invalid_request_error', code: code ?? 'lock_timeout', message };
  if (status === 402) {
    const fields = { type: 'card_error', code: code ?? 'card_declined', message } as const;
    return intent ? { ...fields, payment_intent: intent } : fields;
  }
  const type = status >= 500 ? 'api_error' : 'invalid_request_error';
  return code === undefined ? { type, message } : { type, code, message };
}

/** Stripe names its rate limiter; an object lock (`lock_timeout`) goes without. */
export function faultHeaders(reply: StatusReply): Record<string, string> {
  const headers: Record<string, string> = {};
  if (reply.shouldRetry !== undefined) headers['stripe-should-retry'] = String(reply.shouldRetry);
  if (reply.status === 429 && reply.code === 'rate_limit') {
    headers['stripe-rate-limited-reason'] = 'endpoint-rate';
  }
  return headers;
}
