// Disputes and early fraud warnings: the minimum a shop must react to.

import { putCharge } from './charges';
import type { Context, Outcome } from './context';
import { ok } from './context';
import { noSuch } from './errors';
import { recordEvent } from './events';
import type { Form } from './form';
import { randomId } from './ids';
import { LIST_SPEC, page } from './lists';
import { readParams, text } from './params';
import type { ChargeObject, DisputeObject } from './types';

/** The buyer's bank takes the money back while the dispute is open; the charge can no longer be refunded. */
export function openDispute(context: Context, charge: ChargeObject, reason = 'fraudulent'): DisputeObject {
  const created = context.clock.nowSeconds();
  const dispute: DisputeObject = {
    id: randomId('dp'),
    object: 'dispute',
    amount: charge.amount_captured - charge.amount_refunded,
    balance_transactions: [],
    charge: charge.id,
    created,
    currency: charge.currency,
    evidence: {},
    evidence_details: {
      due_by: created + 7 * 86_400,
      has_evidence: false,
      past_due: false,
      submission_count: 0,
    },
    is_charge_refundable: false,
    livemode: false,
    metadata: {},
    payment_intent: charge.payment_intent,
    reason,
    status: 'needs_response',
  };
  context.store.put('disputes', { id: dispute.id, object: dispute });
  putCharge(context, { ...charge, disputed: true });
  recordEvent(context, 'charge.dispute.created', dispute);
  recordEvent(context, 'charge.dispute.funds_withdrawn', dispute);
  return dispute;
}

export function warnOfFraud(context: Context, charge: ChargeObject): void {
  const warning = {
    id: randomId('issfr'),
    object: 'radar.early_fraud_warning',
    actionable: true,
    charge: charge.id,
    created: context.clock.nowSeconds(),
    fraud_type: 'misc',
    livemode: false,
    payment_intent: charge.payment_intent,
  };
  recordEvent(context, 'radar.early_fraud_warning.created', warning);
}

export function retrieveDispute(context: Context, id: string, form: Form): Outcome {
  readParams({}, form);
  const record = context.store.get('disputes', id);
  if (!record) throw noSuch('dispute', id, 'dispute');
  return ok(record.object);
}

export function listDisputes(context: Context, _id: string, form: Form): Outcome {
  const params = readParams({ ...LIST_SPEC, payment_intent: text, charge: text }, form);
  const all = [...context.store.all('disputes')].map((record) => record.object);
  return ok(
    page('/v1/disputes', 'dispute', all, params, (dispute) => {
      if (params.charge !== undefined && dispute.charge !== params.charge) return false;
      return params.payment_intent === undefined || dispute.payment_intent === params.payment_intent;
    }),
  );
}
