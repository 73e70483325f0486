// POST /v1/payment_intents/:id

import { checkAmount, checkCurrency } from '../amounts';
import type { Context, Outcome } from '../context';
import { ok } from '../context';
import { stateError } from '../errors';
import type { Form } from '../form';
import { mergeMetadata, readParams } from '../params';
import { ensurePaymentMethod, findGivenMethod } from '../payment-methods';
import { checkMethod } from './confirm';
import { cannotUpdate, OPEN } from './messages';
import { changeFields, moveTo, requireIntent } from './record';
import { checkMethodTypes, SHARED_SPEC, UNSUPPORTED } from './spec';

/** Fields that decide what is paid, and with what: frozen once the payment is under way. */
const OPEN_ONLY = [
  'amount',
  'currency',
  'payment_method',
  'payment_method_data',
  'capture_method',
  'allowed_payment_method_types',
  'excluded_payment_method_types',
] as const;

export function updateIntent(context: Context, id: string, form: Form): Outcome {
  const record = requireIntent(context, id);
  const params = readParams(SHARED_SPEC, form, { unsupported: UNSUPPORTED });
  const { object } = record;
  const frozen = OPEN_ONLY.find((name) => params[name] !== undefined);
  if (frozen !== undefined && !OPEN.includes(object.status)) {
    throw stateError(cannotUpdate(frozen, object.status), object);
  }
  const currency = params.currency === undefined ? object.currency : checkCurrency(params.currency);
  const amount = params.amount ?? object.amount;
  checkAmount(amount, currency);
  checkMethodTypes(params.allowed_payment_method_types);
  const found = findGivenMethod(context, params);
  if (found) {
    const allowed = params.allowed_payment_method_types ?? object.payment_method_types;
    checkMethod(found, allowed, params.capture_method ?? object.capture_method);
  }
  const changed = changeFields(context, record, {
    amount,
    currency,
    capture_method: params.capture_method ?? object.capture_method,
    description: params.description === undefined ? object.description : params.description,
    metadata: mergeMetadata(object.metadata, params.metadata),
    receipt_email: params.receipt_email === undefined ? object.receipt_email : params.receipt_email,
    ...(params.allowed_payment_method_types
      ? {
          allowed_payment_method_types: params.allowed_payment_method_types,
          payment_method_types: params.allowed_payment_method_types,
          automatic_payment_methods: null,
        }
      : {}),
  });
  if (!found) return ok(changed.object);
  const method = ensurePaymentMethod(context, found);
  return ok(moveTo(context, changed, 'requires_confirmation', { payment_method: method.id }).object);
}
