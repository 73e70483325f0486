// One call of the API from parsed request to outcome, in one transaction with the answer kept under its key.

import type { Audience, Context, Outcome } from '../context';
import { ok } from '../context';
import { invalidRequest, StripeApiError } from '../errors';
import { expandBody } from '../expand';
import type { Form } from '../form';
import { storeAnswer } from '../idempotency';
import type { KeyedRequest } from '../idempotency';
import type { Operation } from '../operations';
import { redactIntent } from '../payment-intents/record';
import type { PaymentIntentObject } from '../types';

export interface ApiCall {
  readonly operation: Operation;
  readonly id: string;
  readonly form: Form;
  readonly audience: Audience;
  readonly requestId: string;
  readonly keyed: KeyedRequest | undefined;
}

/**
 * Runs the operation. State, events and the stored answer are one journal line: after a crash either all of it
 * happened or none. `spoil` may put another answer in place of the real one before it is stored (faults).
 */
export function execute(context: Context, call: ApiCall, spoil?: (real: Outcome) => Outcome): Outcome {
  return context.store.transaction(() => {
    const real = finished(context, call, run(context, call));
    const outcome = spoil ? spoil(real) : real;
    if (call.keyed && outcome.isStored) {
      storeAnswer(context.store, context.clock, call.keyed, call.requestId, outcome);
    }
    return outcome;
  });
}

function run(context: Context, { operation, id, form, audience }: ApiCall): Outcome {
  try {
    return operation.run(context, id, form, audience);
  } catch (error) {
    if (!(error instanceof StripeApiError)) throw error;
    // A refusal after a change would be a half-done call; operations refuse first.
    if (context.store.hasChanges())
      throw new Error(`${operation.name} changed state and refused`, { cause: error });
    return error.toOutcome();
  }
}

/** Expansion for the shop's server, redaction for the browser. */
function finished(context: Context, call: ApiCall, outcome: Outcome): Outcome {
  if (call.audience === 'publishable') return { ...outcome, body: redactBody(outcome.body) };
  if (outcome.status !== 200 || call.form['expand'] === undefined) return outcome;
  return ok(expandBody(context.store, outcome.body, call.form));
}

/** Checks `expand` before anything happens, as far as it can be checked without a result. */
export function checkExpand(form: Form): void {
  if (typeof form['expand'] === 'string') throw invalidRequest('Invalid array', { param: 'expand' });
}

function redactBody(body: object): object {
  if (isIntent(body)) return redactIntent(body);
  if (!('error' in body)) return body;
  const { payment_intent: intent, ...error } = body.error as { payment_intent?: unknown };
  return isIntent(intent) ? { error: { ...error, payment_intent: redactIntent(intent) } } : body;
}

function isIntent(value: unknown): value is PaymentIntentObject {
  return (
    typeof value === 'object' && value !== null && 'object' in value && value.object === 'payment_intent'
  );
}
