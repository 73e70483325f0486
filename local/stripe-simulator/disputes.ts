// Disputes and early fraud warnings: the minimum a shop must react to.

import { putCharge } from './charges';
import type { Context, Outcome } from './context';
import { ok } from './context';
import { invalidRequest, noSuch } from './errors';
import { recordEvent } from './events';
import type { Form } from './form';
import { randomId } from './ids';
import { cancelJob, scheduleJob } from './jobs';
import { LIST_SPEC, page } from './lists';
import { flag, mergeMetadata, metadata, readParams, shape, text } from './params';
import type { ChargeObject, DisputeObject } from './types';

/** Simulator time from the answer to a dispute to the bank's verdict. */
const VERDICT_SECONDS = 5;

/** The buyer's bank takes the money back while the dispute is open; the charge can no longer be refunded. */
export function openDispute(context: Context, charge: ChargeObject, reason = 'fraudulent'): DisputeObject {
  const created = context.clock.nowSeconds();
  const dispute: DisputeObject = {
    id: randomId(context.random, 'dp'),
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
  putDispute(context, dispute);
  putCharge(context, { ...charge, disputed: true });
  recordEvent(context, 'charge.dispute.created', dispute);
  recordEvent(context, 'charge.dispute.funds_withdrawn', dispute);
  return dispute;
}

/** Still to be decided by the bank. */
export function isOpenDispute({ status }: DisputeObject): boolean {
  return status === 'needs_response' || status === 'under_review';
}

/** The bank's verdict: won brings the money back, and with it the right to refund; lost keeps it gone. */
export function closeDispute(
  context: Context,
  dispute: DisputeObject,
  verdict: 'won' | 'lost',
): DisputeObject {
  cancelJob(context, 'win_dispute', dispute.id);
  cancelJob(context, 'lose_dispute', dispute.id);
  const closed = putDispute(context, {
    ...dispute,
    status: verdict,
    is_charge_refundable: verdict === 'won',
  });
  if (verdict === 'won') recordEvent(context, 'charge.dispute.funds_reinstated', closed);
  recordEvent(context, 'charge.dispute.closed', closed);
  return closed;
}

/** A charge may be refunded again once every dispute about it is won. */
export function blocksRefund(context: Context, chargeId: string): boolean {
  return [...context.store.all('disputes')].some(
    ({ object }) => object.charge === chargeId && object.status !== 'won',
  );
}

const EVIDENCE_SPEC = { evidence: shape({ uncategorized_text: text }), submit: flag, metadata };

/** Stripe's test mode reads the verdict out of this text (https://docs.stripe.com/testing#disputes). */
const VERDICT_JOBS: Readonly<Record<string, 'win_dispute' | 'lose_dispute'>> = {
  winning_evidence: 'win_dispute',
  losing_evidence: 'lose_dispute',
};

/** POST /v1/disputes/:id: a person answers the dispute; the verdict follows by itself. */
export function updateDispute(context: Context, id: string, form: Form): Outcome {
  const dispute = requireDispute(context, id);
  const params = readParams(EVIDENCE_SPEC, form);
  if (params.evidence && !isOpenDispute(dispute)) throw closedAlready(dispute);
  const evidence = params.evidence?.uncategorized_text;
  const isSubmitted = evidence !== undefined && params.submit !== false;
  const changed = putDispute(context, {
    ...dispute,
    metadata: mergeMetadata(dispute.metadata, params.metadata),
    ...(evidence === undefined ? {} : { evidence: { uncategorized_text: evidence } }),
    ...(isSubmitted ? { status: 'under_review' } : {}),
  });
  recordEvent(context, 'charge.dispute.updated', changed, { status: dispute.status });
  const job = isSubmitted ? VERDICT_JOBS[evidence] : undefined;
  if (job) scheduleJob(context, job, id, VERDICT_SECONDS);
  return ok(changed);
}

/** POST /v1/disputes/:id/close: a person gives in, which loses. */
export function acceptDispute(context: Context, id: string, form: Form): Outcome {
  readParams({}, form);
  const dispute = requireDispute(context, id);
  if (!isOpenDispute(dispute)) throw closedAlready(dispute);
  return ok(closeDispute(context, dispute, 'lost'));
}

function closedAlready({ id, status }: DisputeObject) {
  return invalidRequest(`The dispute ${id} is ${status} and cannot be changed any more.`);
}

function putDispute(context: Context, dispute: DisputeObject): DisputeObject {
  context.store.put('disputes', { id: dispute.id, object: dispute });
  return dispute;
}

export function warnOfFraud(context: Context, charge: ChargeObject): void {
  const warning = {
    id: randomId(context.random, 'issfr'),
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

export function requireDispute(context: Context, id: string): DisputeObject {
  const record = context.store.get('disputes', id);
  if (!record) throw noSuch('dispute', id, 'dispute');
  return record.object;
}

export function retrieveDispute(context: Context, id: string, form: Form): Outcome {
  readParams({}, form);
  return ok(requireDispute(context, id));
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
