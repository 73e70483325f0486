// What only the outside world can do: the buyer at the 3DS page, the buyer's bank, and time.

import type { Context } from '../context';
import { requireCharge } from '../charges';
import { closeDispute, isOpenDispute, openDispute, requireDispute } from '../disputes';
import { StripeApiError } from '../errors';
import { dueJobs } from '../jobs';
import { requireMethod } from '../payment-intents/finish';
import { passChallenge, settleProcessing } from '../payment-intents/attempt';
import { expireAuthorisation, settleBalance, testMethodOf } from '../payment-intents/money';
import { failChallenge } from '../payment-intents/setbacks';
import { requireIntent } from '../payment-intents/record';
import type { JobKind, PaymentIntentRecord } from '../records';
import { failRefund, requireRefund, succeedRefund } from '../refunds';
import type { DisputeObject, PaymentIntentStatus } from '../types';

type Action = (context: Context, id: string) => object;

export const INTENT_ACTIONS: Readonly<Record<string, Action>> = {
  complete_3ds: (context, id) => {
    const record = inStatus(context, id, 'requires_action');
    return passChallenge(context, record, requireMethod(context, record)).object;
  },
  fail_3ds: (context, id) => {
    const record = inStatus(context, id, 'requires_action');
    return failChallenge(context, record, requireMethod(context, record)).object;
  },
  settle_processing: (context, id) => {
    const record = inStatus(context, id, 'processing');
    const method = requireMethod(context, record);
    const { behaviour } = testMethodOf(method);
    const why = behaviour.kind === 'processes' ? behaviour.decline : undefined;
    return settleProcessing(context, record, method, why).object;
  },
  fail_processing: (context, id) => {
    const record = inStatus(context, id, 'processing');
    return settleProcessing(context, record, requireMethod(context, record), BANK_REFUSED).object;
  },
  expire_authorization: (context, id) =>
    expireAuthorisation(context, inStatus(context, id, 'requires_capture')).object,
  dispute: (context, id) => {
    const record = inStatus(context, id, 'succeeded');
    const charge = requireCharge(context, record.object.latest_charge ?? '');
    if (charge.disputed) throw conflict(`${id} is disputed already`);
    return openDispute(context, charge);
  },
};

export const REFUND_ACTIONS: Readonly<Record<string, Action>> = {
  succeed: (context, id) => {
    const refund = requireRefund(context, id);
    if (refund.status !== 'pending') throw conflict(`refund ${id} is ${refund.status}, not pending`);
    return succeedRefund(context, refund);
  },
  fail: (context, id) => {
    const refund = requireRefund(context, id);
    // A refund may fail weeks after it succeeded.
    if (refund.status !== 'pending' && refund.status !== 'succeeded') {
      throw conflict(`refund ${id} is ${refund.status}`);
    }
    return failRefund(context, refund);
  },
};

/** The bank's verdict on a dispute. */
export const DISPUTE_ACTIONS: Readonly<Record<string, Action>> = {
  win: (context, id) => closeDispute(context, openOne(context, id), 'won'),
  lose: (context, id) => closeDispute(context, openOne(context, id), 'lost'),
};

function openOne(context: Context, id: string): DisputeObject {
  const dispute = requireDispute(context, id);
  if (!isOpenDispute(dispute)) throw conflict(`dispute ${id} is ${dispute.status}`);
  return dispute;
}

const BANK_REFUSED = {
  code: 'payment_method_customer_decline',
  declineCode: 'insufficient_funds',
  adviceCode: null,
  message: "The customer's bank refused the debit.",
};

function inStatus(context: Context, id: string, status: PaymentIntentStatus): PaymentIntentRecord {
  const record = requireIntent(context, id);
  if (record.object.status === status) return record;
  throw conflict(`${id} is ${record.object.status}, not ${status}`);
}

function conflict(message: string): StripeApiError {
  return new StripeApiError(409, { type: 'invalid_request_error', code: 'simulator_wrong_state', message });
}

/** What each kind of job does; one that its object has outrun does nothing. */
const JOBS: Readonly<Record<JobKind, (context: Context, id: string) => void>> = {
  expire_authorization: (context, id) => {
    const intent = context.store.get('payment_intents', id);
    if (intent?.object.status === 'requires_capture') expireAuthorisation(context, intent);
  },
  settle_processing: (context, id) => {
    if (context.store.get('payment_intents', id)?.object.status !== 'processing') return;
    INTENT_ACTIONS['settle_processing']?.(context, id);
  },
  settle_balance: (context, id) => {
    const charge = context.store.get('charges', id)?.object;
    if (charge) settleBalance(context, charge);
  },
  refund_succeed: (context, id) => {
    const refund = context.store.get('refunds', id)?.object;
    if (refund?.status === 'pending') succeedRefund(context, refund);
  },
  refund_fail: (context, id) => {
    const refund = context.store.get('refunds', id)?.object;
    if (refund && refund.status !== 'failed') failRefund(context, refund);
  },
  win_dispute: (context, id) => closeIfOpen(context, id, 'won'),
  lose_dispute: (context, id) => closeIfOpen(context, id, 'lost'),
};

function closeIfOpen(context: Context, id: string, verdict: 'won' | 'lost'): void {
  const dispute = context.store.get('disputes', id)?.object;
  if (dispute && isOpenDispute(dispute)) closeDispute(context, dispute, verdict);
}

/** Runs every job that is due on the simulator's clock. */
export function runDueJobs(context: Context): number {
  const jobs = dueJobs(context);
  for (const job of jobs) {
    context.store.remove('jobs', job.id);
    JOBS[job.kind](context, job.target);
  }
  return jobs.length;
}
