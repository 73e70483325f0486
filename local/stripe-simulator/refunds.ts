// Refunds: never more than was captured, and not always final. Money rules: https://docs.stripe.com/refunds

import { formatAmount } from './amounts';
import { putCharge, requireCharge } from './charges';
import type { Context, Outcome } from './context';
import { ok } from './context';
import { blocksRefund } from './disputes';
import { StripeApiError, invalidRequest, noSuch, stateError } from './errors';
import { recordEvent } from './events';
import type { Form } from './form';
import { randomId } from './ids';
import { cancelJob, scheduleJob } from './jobs';
import { LIST_SPEC, page } from './lists';
import { integer, mergeMetadata, metadata, oneOf, readParams, text } from './params';
import { testMethodOf } from './payment-intents/money';
import { requireIntent } from './payment-intents/record';
import type { AfterPayment } from './test-methods';
import type { ChargeObject, RefundObject } from './types';

/** Simulator time until the test cards for late refund outcomes show theirs. */
const OUTCOME_DELAY_SECONDS = 5;

const REFUND_SPEC = {
  amount: integer,
  charge: text,
  currency: text,
  metadata,
  payment_intent: text,
  reason: oneOf('duplicate', 'fraudulent', 'requested_by_customer'),
};

export function createRefund(context: Context, _id: string, form: Form): Outcome {
  const params = readParams(REFUND_SPEC, form, {
    unsupported: ['customer', 'instructions_email', 'origin', 'refund_application_fee', 'reverse_transfer'],
  });
  const charge = findCharge(context, params);
  const amount = checkRefundable(context, charge, params.amount);
  const late = lateOutcome(context, charge);
  const refund: RefundObject = {
    id: randomId(context.random, 're'),
    object: 'refund',
    amount,
    balance_transaction: randomId(context.random, 'txn'),
    charge: charge.id,
    created: context.clock.nowSeconds(),
    currency: charge.currency,
    destination_details: { card: { reference_status: 'pending', type: 'refund' }, type: 'card' },
    metadata: mergeMetadata({}, params.metadata),
    payment_intent: charge.payment_intent,
    ...(late === 'refund_pending' ? { pending_reason: 'processing' } : {}),
    reason: params.reason ?? null,
    receipt_number: null,
    source_transfer_reversal: null,
    status: late === 'refund_pending' ? 'pending' : 'succeeded',
    transfer_reversal: null,
  };
  putRefund(context, refund);
  const charged = addRefunded(context, charge, amount);
  if (late === 'refund_pending') scheduleJob(context, 'refund_succeed', refund.id, OUTCOME_DELAY_SECONDS);
  if (late === 'refund_fails') scheduleJob(context, 'refund_fail', refund.id, OUTCOME_DELAY_SECONDS);
  recordEvent(context, 'charge.refunded', charged, {
    amount_refunded: charge.amount_refunded,
    refunded: charge.refunded,
  });
  recordEvent(context, 'refund.created', refund);
  return ok(refund);
}

function findCharge(
  context: Context,
  params: { readonly charge?: string | undefined; readonly payment_intent?: string | undefined },
): ChargeObject {
  if ((params.charge === undefined) === (params.payment_intent === undefined)) {
    const isMissing = params.charge === undefined;
    throw invalidRequest(
      isMissing
        ? 'One of the following params should be provided for this request: payment_intent or charge.'
        : 'You may only specify one of these parameters: payment_intent, charge.',
      { code: isMissing ? 'parameter_missing' : 'parameters_exclusive', param: 'payment_intent' },
    );
  }
  if (params.charge !== undefined) {
    const charge = requireCharge(context, params.charge, 'charge');
    requireCaptured(context, charge.payment_intent, charge);
    return charge;
  }
  const { object } = requireIntent(context, params.payment_intent ?? '');
  const charge = object.latest_charge === null ? undefined : requireCharge(context, object.latest_charge);
  return requireCaptured(context, object.id, charge);
}

/** An authorisation cannot be refunded: it is cancelled, which makes no refund. */
function requireCaptured(context: Context, intentId: string, charge: ChargeObject | undefined): ChargeObject {
  if (charge?.captured && charge.status === 'succeeded') return charge;
  const { object } = requireIntent(context, intentId);
  throw stateError(`This PaymentIntent (${intentId}) does not have a successful charge to refund.`, object);
}

/** The amount to refund. Throws when the charge is disputed, fully refunded, or has less left than asked for. */
function checkRefundable(context: Context, charge: ChargeObject, asked: number | undefined): number {
  if (charge.disputed && blocksRefund(context, charge.id)) {
    throw refusal('charge_disputed', `Charge ${charge.id} has been charged back; cannot issue a refund.`);
  }
  const left = charge.amount_captured - charge.amount_refunded;
  if (left <= 0) {
    throw refusal('charge_already_refunded', `Charge ${charge.id} has already been refunded.`);
  }
  const amount = asked ?? left;
  if (amount < 1) {
    throw invalidRequest('Invalid positive integer', { code: 'parameter_invalid_integer', param: 'amount' });
  }
  if (amount > left) {
    const wanted = formatAmount(amount, charge.currency);
    throw refusal(
      undefined,
      `Refund amount (${wanted}) is greater than unrefunded amount on charge (${formatAmount(left, charge.currency)})`,
    );
  }
  return amount;
}

function refusal(code: string | undefined, message: string): StripeApiError {
  const fields = { type: 'invalid_request_error', message } as const;
  return new StripeApiError(
    400,
    code === undefined ? { ...fields, param: 'amount' } : { ...fields, code },
    true,
  );
}

function lateOutcome(context: Context, charge: ChargeObject): AfterPayment | undefined {
  const method = context.store.get('payment_methods', charge.payment_method);
  const behaviour = method && testMethodOf(method).behaviour;
  return behaviour?.kind === 'pays' ? behaviour.after : undefined;
}

function putRefund(context: Context, refund: RefundObject): RefundObject {
  context.store.put('refunds', { id: refund.id, object: refund });
  return refund;
}

function addRefunded(context: Context, charge: ChargeObject, amountMinor: number): ChargeObject {
  const refunded = charge.amount_refunded + amountMinor;
  return putCharge(context, {
    ...charge,
    amount_refunded: refunded,
    refunded: refunded > 0 && refunded === charge.amount_captured,
  });
}

export function requireRefund(context: Context, id: string): RefundObject {
  const record = context.store.get('refunds', id);
  if (!record) throw noSuch('refund', id, 'refund');
  return record.object;
}

/** The bank took the refund. */
export function succeedRefund(context: Context, refund: RefundObject): RefundObject {
  cancelJob(context, 'refund_succeed', refund.id);
  cancelJob(context, 'refund_fail', refund.id);
  const { pending_reason: _gone, ...rest } = refund;
  const done = putRefund(context, { ...rest, status: 'succeeded' });
  recordEvent(context, 'refund.updated', done, { status: refund.status });
  recordEvent(context, 'charge.refund.updated', done, { status: refund.status });
  return done;
}

/** The money came back to the shop: the charge counts it as not refunded again. */
export function failRefund(context: Context, refund: RefundObject): RefundObject {
  cancelJob(context, 'refund_succeed', refund.id);
  cancelJob(context, 'refund_fail', refund.id);
  const { pending_reason: _gone, ...rest } = refund;
  const failed = putRefund(context, {
    ...rest,
    status: 'failed',
    failure_reason: 'expired_or_canceled_card',
    failure_balance_transaction: randomId(context.random, 'txn'),
  });
  addRefunded(context, requireCharge(context, refund.charge), -refund.amount);
  recordEvent(context, 'refund.updated', failed, { status: refund.status });
  recordEvent(context, 'charge.refund.updated', failed, { status: refund.status });
  recordEvent(context, 'refund.failed', failed);
  return failed;
}

export function retrieveRefund(context: Context, id: string, form: Form): Outcome {
  readParams({}, form);
  return ok(requireRefund(context, id));
}

/** POST /v1/refunds/:id: only metadata can be changed. */
export function updateRefund(context: Context, id: string, form: Form): Outcome {
  const refund = requireRefund(context, id);
  const params = readParams({ metadata }, form);
  const changed = putRefund(context, {
    ...refund,
    metadata: mergeMetadata(refund.metadata, params.metadata),
  });
  recordEvent(context, 'refund.updated', changed, { metadata: refund.metadata });
  return ok(changed);
}

export function listRefunds(context: Context, _id: string, form: Form): Outcome {
  const params = readParams({ ...LIST_SPEC, payment_intent: text, charge: text }, form);
  const all = [...context.store.all('refunds')].map((record) => record.object);
  return ok(
    page('/v1/refunds', 'refund', all, params, (refund) => {
      if (params.charge !== undefined && refund.charge !== params.charge) return false;
      return params.payment_intent === undefined || refund.payment_intent === params.payment_intent;
    }),
  );
}
