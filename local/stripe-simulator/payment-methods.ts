// Payment methods: made from a test token or a test number; anything else is refused.

import type { Context, Outcome } from './context';
import { ok } from './context';
import { StripeApiError, invalidRequest, noSuch } from './errors';
import type { Form } from './form';
import { randomId } from './ids';
import { LIST_SPEC, page } from './lists';
import { integer, metadata, mergeMetadata, oneOf, opaque, readParams, shape, text } from './params';
import type { Params, Spec } from './params';
import type { PaymentMethodRecord } from './records';
import { testMethodByName, testMethodByNumber } from './test-methods';
import type { TestMethod } from './test-methods';
import type { Metadata, PaymentMethodObject } from './types';

/** `payment_method_data` of create and confirm, and the body of POST /v1/payment_methods. */
export const PAYMENT_METHOD_DATA_SPEC = {
  type: oneOf('card', 'us_bank_account'),
  card: shape({ number: text, exp_month: integer, exp_year: integer, cvc: text, token: text }),
  us_bank_account: shape({
    account_number: text,
    routing_number: text,
    account_holder_type: text,
    account_type: text,
  }),
  billing_details: opaque,
  allow_redisplay: text,
  metadata,
} satisfies Spec;

export const paymentMethodData = shape(PAYMENT_METHOD_DATA_SPEC);
export type PaymentMethodData = Params<typeof PAYMENT_METHOD_DATA_SPEC>;

const TOKENS: Readonly<Record<string, string>> = {
  tok_visa: 'pm_card_visa',
  tok_mastercard: 'pm_card_mastercard',
  tok_amex: 'pm_card_amex',
  tok_chargeDeclined: 'pm_card_visa_chargeDeclined',
};

/** Which test method the data names. Throws 402 for a number outside the list: this is where real cards are stopped. */
export function testMethodOfData(data: PaymentMethodData, path = 'payment_method_data'): TestMethod {
  if (data.type === undefined) {
    throw invalidRequest(`Missing required param: ${path}[type].`, {
      code: 'parameter_missing',
      param: `${path}[type]`,
    });
  }
  const number = data.type === 'card' ? data.card?.number : data.us_bank_account?.account_number;
  const token = data.card?.token;
  if (number === undefined && token === undefined) {
    const param = data.type === 'card' ? `${path}[card][number]` : `${path}[us_bank_account][account_number]`;
    throw invalidRequest(`Missing required param: ${param}.`, { code: 'parameter_missing', param });
  }
  const method =
    number === undefined ? testMethodByName(TOKENS[token ?? ''] ?? '') : testMethodByNumber(number);
  if (!method || method.type !== data.type) throw notATestNumber();
  return method;
}

function notATestNumber(): StripeApiError {
  return new StripeApiError(402, {
    type: 'card_error',
    code: 'card_declined',
    decline_code: 'test_mode_live_card',
    message:
      'Your card was declined. This is the Stripe simulator: it accepts only the test numbers of https://docs.stripe.com/testing, never a real one.',
  });
}

/** An id of ours, or a test token (which makes a new payment method each time, as Stripe does). */
export function findPaymentMethod(context: Context, idOrToken: string): PaymentMethodRecord | TestMethod {
  const found = context.store.get('payment_methods', idOrToken) ?? testMethodByName(idOrToken);
  if (!found) throw noSuch('PaymentMethod', idOrToken, 'payment_method');
  return found;
}

/** The payment method a request brings along, if it does; nothing is stored yet. */
export function findGivenMethod(
  context: Context,
  params: {
    readonly payment_method?: string | undefined;
    readonly payment_method_data?: PaymentMethodData | undefined;
  },
): PaymentMethodRecord | TestMethod | undefined {
  if (params.payment_method !== undefined) return findPaymentMethod(context, params.payment_method);
  return params.payment_method_data && testMethodOfData(params.payment_method_data);
}

/** Turns what `findPaymentMethod` or `testMethodOfData` found into a stored payment method. */
export function ensurePaymentMethod(
  context: Context,
  found: PaymentMethodRecord | TestMethod,
  metadataGiven: Metadata = {},
): PaymentMethodRecord {
  if ('object' in found) return found;
  const id = randomId(context.random, 'pm');
  return context.store.put('payment_methods', {
    id,
    testMethod: found.name,
    object: paymentMethodObject(id, found, context.clock.nowSeconds(), metadataGiven),
  });
}

function paymentMethodObject(
  id: string,
  method: TestMethod,
  created: number,
  metadataGiven: Metadata,
): PaymentMethodObject {
  const last4 = method.number.slice(-4);
  const details =
    method.type === 'card'
      ? { card: { ...cardDetails(method), last4 } }
      : { us_bank_account: { account_holder_type: 'individual', account_type: 'checking', last4 } };
  return {
    id,
    object: 'payment_method',
    billing_details: { address: null, email: null, name: null, phone: null },
    ...details,
    created,
    customer: null,
    livemode: false,
    metadata: metadataGiven,
    type: method.type,
  };
}

function cardDetails(method: TestMethod) {
  return {
    brand: method.brand,
    country: 'US',
    exp_month: 12,
    exp_year: 2035,
    fingerprint: `simulated${method.number.slice(-4)}`,
    funding: 'credit',
  };
}

export function createPaymentMethod(context: Context, _id: string, form: Form): Outcome {
  const data = readParams(PAYMENT_METHOD_DATA_SPEC, form, { required: ['type'] });
  const method = testMethodOfData(data, 'payment_method');
  return ok(ensurePaymentMethod(context, method, mergeMetadata({}, data.metadata)).object);
}

export function retrievePaymentMethod(context: Context, id: string, form: Form): Outcome {
  readParams({}, form);
  const record = context.store.get('payment_methods', id);
  if (!record) throw noSuch('PaymentMethod', id, 'payment_method');
  return ok(record.object);
}

export function listPaymentMethods(context: Context, _id: string, form: Form): Outcome {
  const params = readParams({ ...LIST_SPEC, type: text }, form, { unsupported: ['customer'] });
  const all = [...context.store.all('payment_methods')].map((record) => record.object);
  return ok(
    page('/v1/payment_methods', 'payment_method', all, params, (method) =>
      params.type === undefined ? true : method.type === params.type,
    ),
  );
}
