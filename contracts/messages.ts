// Temporal names: workflow types, messages, task queues, search attributes. Client and workflow both import them.
import { defineSearchAttributeKey } from '@temporalio/common';
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';

import type { CheckoutResult, OpenAnswer } from './checkout';
import type { CancelByOperatorAnswer, ExtendAnswer, ExtendRequest } from './operations';
import type { PaymentEvent } from './payment-events';
import type { CheckoutStatus } from './statuses';

export const CHECKOUT_WORKFLOW_TYPE = 'checkout';
export const SETTLEMENT_WORKFLOW_TYPE = 'settlement';
export const OPERATION_WORKFLOW_TYPE = 'operation';
export const CLEANUP_WORKFLOW_TYPE = 'cleanup';
export const INBOX_SWEEP_WORKFLOW_TYPE = 'inbox_sweep';

export const CLEANUP_SCHEDULE_ID = 'holdfast-cleanup';
export const RECONCILE_SCHEDULE_ID = 'holdfast-reconcile';
export const RECONCILE_WORKFLOW_TYPE = 'reconcile';
/** The reconciliation that an operator asks for; one at a time. */
export const RECONCILE_NOW_WORKFLOW_ID = 'reconcile-now';
export const TRIPLE_CHECK_SCHEDULE_ID = 'holdfast-triple-check';
export const TRIPLE_CHECK_WORKFLOW_TYPE = 'triple_check';
export const INBOX_SWEEP_SCHEDULE_ID = 'holdfast-inbox-sweep';

/** Workflows and all PostgreSQL work. */
export const MAIN_TASK_QUEUE = 'holdfast';
/** PaymentIntent creation alone, so that its rate limit never stands in front of a cancel or a refund. */
export const STRIPE_CREATE_TASK_QUEUE = 'holdfast-stripe-create';
/** Every other call to Stripe. */
export const STRIPE_TASK_QUEUE = 'holdfast-stripe';

/** Start part and update travel together; this constant id makes a repeated start read the first answer. */
export const OPEN_UPDATE_ID = 'open';

/** Answers once the checkout is open (its PaymentIntent bound) or refused (its row closed). Takes no argument. */
export const openUpdate = defineUpdate<OpenAnswer>('open');

/** A stored and verified Stripe event. Judged once, by event id. */
export const paymentEventSignal = defineSignal<[PaymentEvent]>('payment_event');

/** The shopper gives up. A signal, not an update: it must be accepted while no worker runs. */
export const cancelSignal = defineSignal('cancel');

/**
 * An operator ends the payment, also an authorised or processing one. Refusals are answers and not rejections: they are
 * stored, so that a repeated update id answers as before. The update id is the operation's.
 */
export const cancelByOperatorUpdate = defineUpdate<CancelByOperatorAnswer>('cancel_by_operator');

/** An operator gives the buyer more time. Answers once the deadline has moved in the database. */
export const extendUpdate = defineUpdate<ExtendAnswer, [ExtendRequest]>('extend');

/** Asks a waiting checkout to read its payment from Stripe again; carries nothing, because Stripe's answer decides. */
export const askStripeSignal = defineSignal('ask_stripe');

/** Wakes a settlement; it re-reads everything, so the signal carries nothing. */
export const settleSignal = defineSignal('settle');

export interface SettlementInput {
  checkoutId: string;
}

export interface TripleCheckInput {
  /** How far back the checkouts closed that are looked at. */
  closedSeconds: number;
}

export interface TripleCheckReport {
  checked: number;
  /** Handed to settlement. */
  healed: number;
  /** Each is an open incident. */
  findings: number;
}

export interface CheckoutReport {
  status: CheckoutStatus;
  phase: string;
  paymentIntentId: string | null;
  attempts: number;
  eventsJudged: number;
  result: CheckoutResult | null;
}
/** For operators in the Temporal UI; no page or route asks a workflow. */
export const reportQuery = defineQuery<CheckoutReport>('report');

export const checkoutStatusAttribute = defineSearchAttributeKey('CheckoutStatus', 'KEYWORD');
export const paymentIntentIdAttribute = defineSearchAttributeKey('PaymentIntentId', 'KEYWORD');
export const amountMinorAttribute = defineSearchAttributeKey('AmountMinor', 'INT');
export const failureCodeAttribute = defineSearchAttributeKey('FailureCode', 'KEYWORD');

/** What the worker registers in its namespace before it takes work: an unknown attribute blocks a workflow for ever. */
export const SEARCH_ATTRIBUTES = [
  checkoutStatusAttribute,
  paymentIntentIdAttribute,
  amountMinorAttribute,
  failureCodeAttribute,
] as const;
