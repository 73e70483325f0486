// Capture and cancel, retrieve and list.

import type { Audience, Context, Outcome } from '../context';
import { ok } from '../context';
import { invalidRequest, stateError } from '../errors';
import type { Form } from '../form';
import { LIST_SPEC, page } from '../lists';
import { readMeta } from '../meta';
import { flag, integer, mergeMetadata, metadata, oneOf, readParams, text } from '../params';
import type { PaymentIntentRecord, PaymentMethodRecord } from '../records';
import { CANCELABLE, cannotCancel, cannotCapture } from './messages';
import { cancelIntent, captureHeld } from './money';
import { changeFields, requireIntent } from './record';

const CANCEL_SPEC = {
  cancellation_reason: oneOf('abandoned', 'duplicate', 'fraudulent', 'requested_by_customer'),
};

export function cancel(context: Context, id: string, form: Form): Outcome {
  const record = requireIntent(context, id);
  const params = readParams(CANCEL_SPEC, form);
  const { object } = record;
  const isRefused =
    object.status === 'processing' && readMeta(context.store).settings.processing_cancel === 'refuse';
  if (isRefused || !CANCELABLE.includes(object.status)) throw stateError(cannotCancel(object.status), object);
  return ok(cancelIntent(context, record, params.cancellation_reason ?? null).object);
}

const CAPTURE_SPEC = { amount_to_capture: integer, final_capture: flag, metadata };

export function capture(context: Context, id: string, form: Form): Outcome {
  const record = requireIntent(context, id);
  const params = readParams(CAPTURE_SPEC, form, {
    unsupported: [
      'application_fee_amount',
      'statement_descriptor',
      'statement_descriptor_suffix',
      'transfer_data',
    ],
  });
  const { object } = record;
  if (object.status !== 'requires_capture') throw stateError(cannotCapture(object.status), object);
  if (params.final_capture === false) {
    throw invalidRequest('Multicapture is not enabled on this account.', { param: 'final_capture' });
  }
  const amount = params.amount_to_capture ?? object.amount_capturable;
  if (amount < 1 || amount > object.amount_capturable) {
    throw invalidRequest(
      `The amount_to_capture of ${amount} must be between 1 and the capturable amount of ${object.amount_capturable}.`,
      { code: amount < 1 ? 'parameter_invalid_integer' : 'amount_too_large', param: 'amount_to_capture' },
    );
  }
  const changed = changeFields(context, record, {
    metadata: mergeMetadata(object.metadata, params.metadata),
  });
  return ok(captureHeld(context, changed, requireMethod(context, record), amount).object);
}

/** The payment method of a PaymentIntent that is being paid with one. */
export function requireMethod(context: Context, record: PaymentIntentRecord): PaymentMethodRecord {
  const method = context.store.get('payment_methods', record.object.payment_method ?? '');
  if (!method) throw new Error(`${record.id} is ${record.object.status} without a payment method`);
  return method;
}

export function retrieve(context: Context, id: string, form: Form, audience: Audience): Outcome {
  readParams({ client_secret: text }, form);
  const record = requireIntent(context, id);
  if (audience === 'secret' && form['client_secret'] !== undefined) checkClientSecret(record, form);
  return ok(record.object);
}

/** Throws unless the form carries the secret of this PaymentIntent. */
export function checkClientSecret(record: PaymentIntentRecord, form: Form): void {
  if (form['client_secret'] === record.object.client_secret) return;
  throw invalidRequest(
    'The client_secret provided does not match the client_secret associated with the PaymentIntent.',
    { code: 'payment_intent_invalid_parameter', param: 'client_secret' },
  );
}

export function list(context: Context, _id: string, form: Form): Outcome {
  const params = readParams(LIST_SPEC, form, { unsupported: ['customer', 'customer_account'] });
  const all = [...context.store.all('payment_intents')].map((record) => record.object);
  const newest = context.clock.nowSeconds() - readMeta(context.store).settings.list_lag_seconds;
  return ok(page('/v1/payment_intents', 'payment_intent', all, params, ({ created }) => created <= newest));
}
