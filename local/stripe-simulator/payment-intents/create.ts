// POST /v1/payment_intents

import { checkAmount, checkCurrency } from '../amounts';
import { wallTime } from '../clock';
import type { Context, Outcome } from '../context';
import { ok } from '../context';
import { invalidRequest } from '../errors';
import { recordEvent } from '../events';
import type { Form } from '../form';
import { randomId, randomText } from '../ids';
import { flag, mergeMetadata, oneOf, opaque, readParams, shape, text } from '../params';
import type { Params, Spec } from '../params';
import { ensurePaymentMethod, findGivenMethod } from '../payment-methods';
import type { PaymentIntentObject } from '../types';
import { checkMethod, confirmIntent } from './confirm';
import { checkMethodTypes, methodTypes, SHARED_SPEC, UNSUPPORTED } from './spec';

const CREATE_SPEC = {
  ...SHARED_SPEC,
  automatic_payment_methods: shape({ enabled: flag, allow_redirects: oneOf('always', 'never') }),
  confirm: flag,
  confirmation_method: oneOf('automatic', 'manual'),
  error_on_requires_action: flag,
  off_session: flag,
  radar_options: opaque,
  return_url: text,
  use_stripe_sdk: flag,
} satisfies Spec;

type CreateParams = Params<typeof CREATE_SPEC>;

export function createIntent(context: Context, _id: string, form: Form): Outcome {
  const params = readParams(CREATE_SPEC, form, {
    required: ['amount', 'currency'],
    unsupported: UNSUPPORTED,
  });
  checkCreate(params);
  const found = findGivenMethod(context, params);
  if (found) checkMethod(found, methodTypes(params), params.capture_method ?? 'automatic_async');
  const method = found && ensurePaymentMethod(context, found);
  const object = newIntent(context, params, method?.id ?? null);
  const record = context.store.put('payment_intents', {
    id: object.id,
    object,
    transitions: [{ at: wallTime(), to: object.status }],
    captures: [],
    confirmCount: 0,
    challengeToken: null,
  });
  recordEvent(context, 'payment_intent.created', object);
  if (params.confirm !== true) return ok(object);
  if (!method) throw new Error('checkCreate lets no confirm through without a payment method');
  return confirmIntent(context, record, method, {
    returnUrl: params.return_url ?? null,
    errorOnRequiresAction: params.error_on_requires_action ?? params.off_session ?? false,
  });
}

function checkCreate(params: CreateParams): void {
  const currency = checkCurrency(params.currency ?? '');
  checkAmount(params.amount ?? 0, currency);
  const exclusive = [
    'allowed_payment_method_types',
    'automatic_payment_methods',
    'excluded_payment_method_types',
  ] as const;
  const given = exclusive.filter((name) => params[name] !== undefined);
  if (given.includes('allowed_payment_method_types') && given.length > 1) throw exclusiveParams(given);
  if (params.payment_method !== undefined && params.payment_method_data !== undefined) {
    throw exclusiveParams(['payment_method', 'payment_method_data']);
  }
  if (params.confirm === true && params.payment_method === undefined && !params.payment_method_data) {
    throw invalidRequest('You must provide a payment method when `confirm` is true.', {
      code: 'parameter_missing',
      param: 'payment_method',
    });
  }
  checkMethodTypes(params.allowed_payment_method_types);
}

function exclusiveParams(names: readonly string[]) {
  return invalidRequest(`You may only specify one of these parameters: ${names.join(', ')}.`, {
    code: 'parameters_exclusive',
    param: names[0] ?? '',
  });
}

function newIntent(context: Context, params: CreateParams, methodId: string | null): PaymentIntentObject {
  const id = randomId(context.random, 'pi');
  const allowed = params.allowed_payment_method_types ?? null;
  const excluded = params.excluded_payment_method_types ?? null;
  return {
    id,
    object: 'payment_intent',
    allowed_payment_method_types: allowed,
    amount: params.amount ?? 0,
    amount_capturable: 0,
    amount_details: { tip: {} },
    amount_received: 0,
    application: null,
    application_fee_amount: null,
    automatic_payment_methods: automaticMethods(params),
    canceled_at: null,
    cancellation_reason: null,
    capture_method: params.capture_method ?? 'automatic_async',
    client_secret: `${id}_secret_${randomText(context.random, 25)}`,
    confirmation_method: params.confirmation_method ?? 'automatic',
    created: context.clock.nowSeconds(),
    currency: (params.currency ?? '').toLowerCase(),
    customer: null,
    customer_account: null,
    description: params.description ?? null,
    excluded_payment_method_types: excluded,
    last_payment_error: null,
    latest_charge: null,
    livemode: false,
    managed_payments: null,
    metadata: mergeMetadata({}, params.metadata),
    next_action: null,
    on_behalf_of: null,
    payment_method: methodId,
    payment_method_configuration_details: null,
    payment_method_options: {},
    payment_method_types: methodTypes(params),
    payment_record: null,
    processing: null,
    receipt_email: params.receipt_email ?? null,
    review: null,
    setup_future_usage: params.setup_future_usage ?? null,
    shipping: null,
    source: null,
    statement_descriptor: params.statement_descriptor ?? null,
    statement_descriptor_suffix: params.statement_descriptor_suffix ?? null,
    status: methodId === null ? 'requires_payment_method' : 'requires_confirmation',
    transfer_data: null,
    transfer_group: null,
  };
}

function automaticMethods(params: CreateParams): PaymentIntentObject['automatic_payment_methods'] {
  if (params.allowed_payment_method_types) return null;
  const { enabled = true, allow_redirects: redirects = 'always' } = params.automatic_payment_methods ?? {};
  return enabled ? { enabled, allow_redirects: redirects } : { enabled };
}
