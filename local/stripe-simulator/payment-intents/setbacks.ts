// Attempts that did not pay. None of them is terminal: the buyer may try again with another payment method.

import { declinedFate, newCharge } from '../charges';
import type { Context } from '../context';
import { docUrl } from '../errors';
import { recordEvent } from '../events';
import type { PaymentIntentRecord, PaymentMethodRecord } from '../records';
import type { Decline } from '../test-methods';
import type { PaymentError } from '../types';
import { AUTHENTICATION_FAILED } from './messages';
import { testMethodOf } from './money';
import { moveTo } from './record';

/** Not terminal: back to `requires_payment_method`, where the buyer may try again. */
export function decline(
  context: Context,
  record: PaymentIntentRecord,
  method: PaymentMethodRecord,
  why: Decline,
): PaymentIntentRecord {
  const charge = newCharge(context, record.object, method, declinedFate(why, testMethodOf(method)));
  recordEvent(context, 'charge.failed', charge);
  return fail(context, record, charge.id, cardError(why, method, charge.id));
}

export function fail(
  context: Context,
  record: PaymentIntentRecord,
  chargeId: string | null,
  error: PaymentError,
): PaymentIntentRecord {
  const failed = moveTo(context, record, 'requires_payment_method', {
    last_payment_error: error,
    payment_method: null,
    ...(chargeId === null ? {} : { latest_charge: chargeId }),
  });
  recordEvent(context, 'payment_intent.payment_failed', failed.object);
  return failed;
}

export function cardError(why: Decline, method: PaymentMethodRecord, chargeId: string): PaymentError {
  return {
    type: method.object.type === 'card' ? 'card_error' : 'invalid_request_error',
    code: why.code,
    message: why.message,
    doc_url: docUrl(why.code),
    charge: chargeId,
    payment_method: method.object,
    ...(why.declineCode === null ? {} : { decline_code: why.declineCode }),
    ...(why.adviceCode === null ? {} : { advice_code: why.adviceCode }),
    ...(why.param === undefined ? {} : { param: why.param }),
  };
}

/** The buyer failed 3DS: no charge was made, so the error carries only the payment method. */
export function failChallenge(
  context: Context,
  record: PaymentIntentRecord,
  method: PaymentMethodRecord,
): PaymentIntentRecord {
  return fail(context, { ...record, challengeToken: null }, null, {
    type: 'invalid_request_error',
    code: 'payment_intent_authentication_failure',
    message: AUTHENTICATION_FAILED,
    doc_url: docUrl('payment_intent_authentication_failure'),
    payment_method: method.object,
  });
}
