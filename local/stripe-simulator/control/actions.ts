// What only the outside world can do: the buyer at the 3DS page, the buyer's bank, and time.

import type { Context } from '../context';
import { requireCharge } from '../charges';
import { openDispute } from '../disputes';
import { StripeApiError } from '../errors';
import { dueJobs } from '../jobs';
import { requireMethod } from '../payment-intents/finish';
import { passChallenge, settleProcessing } from '../payment-intents/attempt';
import { expireAuthorisation, testMethodOf } from '../payment-intents/money';
import { failChallenge } from '../payment-intents/setbacks';
import { requireIntent } from '../payment-intents/record';
import type { PaymentIntentRecord } from '../records';
import { failRefund, requireRefund, succeedRefund } from '../refunds';
import type { PaymentIntentStatus } from '../types';

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

/** Runs every job that is due on the simulator's clock; one that its object has outrun is dropped. */
export function runDueJobs(context: Context): number {
  const jobs = dueJobs(context);
  for (const job of jobs) {
    const { store } = context;
    store.remove('jobs', job.id);
    const refund = store.get('refunds', job.target)?.object;
    const intent = store.get('payment_intents', job.target);
    if (job.kind === 'expire_authorization') {
      if (intent?.object.status === 'requires_capture') expireAuthorisation(context, intent);
    } else if (job.kind === 'refund_succeed') {
      if (refund?.status === 'pending') succeedRefund(context, refund);
    } else if (refund && refund.status !== 'failed') {
      failRefund(context, refund);
    }
  }
  return jobs.length;
}
