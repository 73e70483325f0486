// Charges: one per attempt that reached the bank. Changed only by what happens to PaymentIntents, refunds and disputes.

import type { Context, Outcome } from './context';
import { ok } from './context';
import { noSuch } from './errors';
import type { Form } from './form';
import { randomId } from './ids';
import { LIST_SPEC, page } from './lists';
import { readParams, text } from './params';
import type { PaymentMethodRecord } from './records';
import type { Decline, TestMethod } from './test-methods';
import type { ChargeObject, PaymentIntentObject } from './types';

/** A charge of the PaymentIntent's amount with nothing decided yet; the caller sets what became of it. */
export function newCharge(
  context: Context,
  intent: PaymentIntentObject,
  method: PaymentMethodRecord,
  fate: Partial<ChargeObject>,
): ChargeObject {
  return putCharge(context, {
    id: randomId(context.random, 'ch'),
    object: 'charge',
    amount: intent.amount,
    amount_captured: 0,
    amount_refunded: 0,
    application: null,
    balance_transaction: null,
    billing_details: { address: null, email: null, name: null, phone: null },
    captured: false,
    created: context.clock.nowSeconds(),
    currency: intent.currency,
    customer: null,
    description: intent.description,
    disputed: false,
    failure_code: null,
    failure_message: null,
    livemode: false,
    metadata: intent.metadata,
    outcome: null,
    paid: false,
    payment_intent: intent.id,
    payment_method: method.id,
    payment_method_details: methodDetails(method, null),
    receipt_email: intent.receipt_email,
    refunded: false,
    status: 'pending',
    ...fate,
  });
}

export function putCharge(context: Context, charge: ChargeObject): ChargeObject {
  context.store.put('charges', { id: charge.id, object: charge });
  return charge;
}

/** `captureBefore` (Unix seconds): until when an authorisation may be captured; null when there is none. */
export function methodDetails(
  method: PaymentMethodRecord,
  captureBefore: number | null,
): ChargeObject['payment_method_details'] {
  const { card, us_bank_account: bank } = method.object;
  if (!card) return { type: 'us_bank_account', us_bank_account: bank ?? {} };
  return { type: 'card', card: { ...card, capture_before: captureBefore, three_d_secure: null } };
}

export const AUTHORISED = { network_status: 'approved_by_network', type: 'authorized', risk_level: 'normal' };

/** How a failed charge tells why. `blocked` = Radar stopped it before the bank was asked. */
export function declinedFate(decline: Decline, method: TestMethod): Partial<ChargeObject> {
  const isBlocked = method.name === 'pm_card_radarBlock';
  return {
    status: 'failed',
    failure_code: decline.code,
    failure_message: decline.message,
    outcome: {
      advice_code: decline.adviceCode,
      network_status: isBlocked ? 'not_sent_to_network' : 'declined_by_network',
      reason: decline.declineCode ?? decline.code,
      risk_level: isBlocked ? 'highest' : 'normal',
      seller_message: 'The bank did not return any further details with this decline.',
      type: isBlocked ? 'blocked' : 'issuer_declined',
    },
  };
}

export function requireCharge(context: Context, id: string, param = 'id'): ChargeObject {
  const record = context.store.get('charges', id);
  if (!record) throw noSuch('charge', id, param);
  return record.object;
}

export function retrieveCharge(context: Context, id: string, form: Form): Outcome {
  readParams({}, form);
  return ok(requireCharge(context, id, 'charge'));
}

export function listCharges(context: Context, _id: string, form: Form): Outcome {
  const params = readParams({ ...LIST_SPEC, payment_intent: text }, form, {
    unsupported: ['customer', 'transfer_group'],
  });
  const all = [...context.store.all('charges')].map((record) => record.object);
  return ok(
    page('/v1/charges', 'charge', all, params, (charge) =>
      params.payment_intent === undefined ? true : charge.payment_intent === params.payment_intent,
    ),
  );
}
