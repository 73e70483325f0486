// POST /v1/payment_intents/:id/confirm: the buyer pays. Also the second half of a create with `confirm`.

import type { Audience, Context, Outcome } from '../context';
import { ok } from '../context';
import { errorOutcome, invalidRequest, stateError, stateErrorFields } from '../errors';
import type { Form } from '../form';
import { readMeta } from '../meta';
import { flag, listOf, oneOf, opaque, readParams, text } from '../params';
import type { Spec } from '../params';
import { ensurePaymentMethod, findGivenMethod, paymentMethodData } from '../payment-methods';
import type { PaymentIntentRecord, PaymentMethodRecord } from '../records';
import type { TestMethod } from '../test-methods';
import type { CaptureMethod, PaymentError, PaymentIntentObject } from '../types';
import { cannotConfirm, MISSING_PAYMENT_METHOD, OPEN } from './messages';
import { attempt } from './attempt';
import { cancelIntent, testMethodOf } from './money';
import { decline } from './setbacks';
import { changeFields, requireIntent } from './record';

const CONFIRM_SPEC = {
  payment_method: text,
  payment_method_data: paymentMethodData,
  payment_method_options: opaque,
  return_url: text,
  error_on_requires_action: flag,
  off_session: flag,
  use_stripe_sdk: flag,
  receipt_email: text,
  setup_future_usage: oneOf('on_session', 'off_session'),
  shipping: opaque,
  mandate_data: opaque,
  radar_options: opaque,
  client_secret: text,
} satisfies Spec;

const SECRET_SPEC = {
  ...CONFIRM_SPEC,
  capture_method: oneOf('automatic', 'automatic_async', 'manual'),
  allowed_payment_method_types: listOf(text),
} satisfies Spec;

const UNSUPPORTED = [
  'amount_details',
  'amount_to_confirm',
  'confirmation_token',
  'excluded_payment_method_types',
  'hooks',
  'mandate',
  'payment_details',
];

interface ConfirmOptions {
  readonly returnUrl: string | null;
  readonly errorOnRequiresAction: boolean;
}

export function confirm(context: Context, id: string, form: Form, audience: Audience): Outcome {
  const record = requireIntent(context, id);
  const { object } = record;
  // A browser may say what to pay with, not how or whether it is captured.
  const spec: typeof SECRET_SPEC =
    audience === 'secret' ? SECRET_SPEC : (CONFIRM_SPEC as unknown as typeof SECRET_SPEC);
  const params = readParams(spec, form, { unsupported: UNSUPPORTED });
  checkReturnUrl(params.return_url);
  const bringsMethod = params.payment_method !== undefined || params.payment_method_data !== undefined;
  if (!OPEN.includes(object.status)) throw stateError(cannotConfirm(object.status, bringsMethod), object);
  const found = findGivenMethod(context, params) ?? attachedMethod(context, object);
  if (!found) throw stateError(MISSING_PAYMENT_METHOD, object);
  const allowed = params.allowed_payment_method_types ?? object.payment_method_types;
  const captureMethod = params.capture_method ?? object.capture_method;
  checkMethod(found, allowed, captureMethod);
  const ready = changeFields(context, record, {
    capture_method: captureMethod,
    ...(params.allowed_payment_method_types
      ? { allowed_payment_method_types: allowed, payment_method_types: allowed }
      : {}),
    ...(params.receipt_email === undefined ? {} : { receipt_email: params.receipt_email }),
  });
  return confirmIntent(context, ready, ensurePaymentMethod(context, found), {
    returnUrl: params.return_url ?? null,
    errorOnRequiresAction: params.error_on_requires_action ?? params.off_session ?? false,
  });
}

function checkReturnUrl(url: string | undefined): void {
  if (url === undefined || /^https?:\/\//.test(url)) return;
  throw invalidRequest('Not a valid URL', { code: 'url_invalid', param: 'return_url' });
}

function attachedMethod(context: Context, object: PaymentIntentObject): PaymentMethodRecord | undefined {
  return object.payment_method === null
    ? undefined
    : context.store.get('payment_methods', object.payment_method);
}

/** Throws 400 when the method's type is not allowed here, or cannot do what is asked of it. */
export function checkMethod(
  found: PaymentMethodRecord | TestMethod,
  allowedTypes: readonly string[],
  captureMethod: CaptureMethod,
): void {
  const method = 'object' in found ? testMethodOf(found) : found;
  if (!allowedTypes.includes(method.type)) {
    throw invalidRequest(
      `The PaymentMethod provided (${method.type}) is not allowed for this PaymentIntent. Please attach a PaymentMethod of one of the following types: ${allowedTypes.join(', ')}.`,
      { code: 'payment_intent_incompatible_payment_method', param: 'payment_method' },
    );
  }
  if (method.type === 'us_bank_account' && captureMethod === 'manual') {
    throw invalidRequest('Payments with us_bank_account cannot be captured manually.', {
      code: 'capture_unavailable',
      param: 'capture_method',
    });
  }
}

/** Runs one attempt on a record that may be confirmed; a decline is an answer (402), not an exception. */
export function confirmIntent(
  context: Context,
  record: PaymentIntentRecord,
  method: PaymentMethodRecord,
  options: ConfirmOptions,
): Outcome {
  const counted = { ...record, confirmCount: record.confirmCount + 1 };
  if (counted.confirmCount > readMeta(context.store).settings.confirm_limit) {
    const canceled = cancelIntent(context, counted, 'automatic');
    const message = 'This PaymentIntent was canceled because it was confirmed too many times.';
    return errorOutcome(400, stateErrorFields(message, canceled.object), true);
  }
  const needsBuyer = testMethodOf(method).behaviour.kind === 'challenges';
  const after =
    needsBuyer && options.errorOnRequiresAction
      ? decline(context, counted, method, AUTHENTICATION_REQUIRED)
      : attempt(context, counted, method, options.returnUrl);
  const error = after.object.last_payment_error;
  return error ? paymentErrorOutcome(error, after.object) : ok(after.object);
}

const AUTHENTICATION_REQUIRED = {
  code: 'authentication_required',
  declineCode: 'authentication_required',
  adviceCode: 'try_again_later',
  message: 'Your card was declined. This transaction requires authentication.',
};

/** 402 in the shape of https://docs.stripe.com/error-handling: the attempt's error plus the whole PaymentIntent. */
function paymentErrorOutcome(error: PaymentError, paymentIntent: PaymentIntentObject): Outcome {
  return errorOutcome(402, { ...error, payment_intent: paymentIntent }, true);
}
