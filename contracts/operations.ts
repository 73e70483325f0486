// What operators may do, in which status, and why they may be refused. docs/operations.md shows the same table; a test
// compares both, and executes every cell.
import type { RequestedLine } from './checkout';
import type { CheckoutStatus } from './statuses';

/** Why nothing was done; each with the sentence that its operator reads. */
export const OPERATION_REFUSALS = {
  unknown_target: 'There is nothing here by that id.',
  still_opening: 'The checkout is still being opened. Try again in a moment.',
  still_open: 'The checkout is open and its own run decides. Ask Stripe again instead.',
  checkout_closed: 'The checkout has ended.',
  refund_instead: 'The order is paid. Refund it instead.',
  money_returned: 'The money is back, or on its way.',
  already_sold: 'The order stands: its units are sold.',
  no_payment: 'No payment was ever made for this checkout.',
  no_run: 'Nothing runs for this checkout any more; settlement has been asked to finish it.',
  deadline_passed: 'The payment deadline has passed.',
  compensation_began: 'The payment is being ended and the units are on their way back.',
  payment_won: 'The payment has won: the money is in, or is being taken. Refund the order instead.',
  extension_too_long: 'A checkout may be given 600 seconds more in all.',
  stripe_unreachable: 'Stripe could not be asked. Nothing was done.',
  no_money: 'Stripe says that the money is not in.',
  units_gone: 'The units are sold to others. The money goes back to the buyer.',
  not_paid: 'No money was taken for this checkout.',
  disputed: 'The buyer’s bank has asked for the money back. A disputed payment is never refunded.',
  nothing_left: 'Everything has been given back, or is on its way.',
  amount_too_large: 'This is more than is left of the payment.',
  units_not_sold: 'These are more units than the order still has.',
  already_judged: 'The event has been judged. Ask Stripe again instead.',
  not_ours: 'The event belongs to no checkout.',
  below_held_and_sold: 'This would leave fewer units than are held and sold.',
  already_resolved: 'The incident was resolved before.',
  already_running: 'A reconciliation that an operator asked for is under way.',
  cut_off: 'The reconciliation was ended from outside before it was through.',
} as const;

export type OperationRefusal = keyof typeof OPERATION_REFUSALS;

export const CHECKOUT_ACTIONS = ['cancel', 'extend', 'ask_stripe', 'reclaim', 'refund'] as const;
export type CheckoutAction = (typeof CHECKOUT_ACTIONS)[number];

export const OPERATION_ACTIONS = [
  ...CHECKOUT_ACTIONS,
  'replay_event',
  'restock',
  'resolve_incident',
  'clean_up',
  'reconcile',
] as const;
export type OperationAction = (typeof OPERATION_ACTIONS)[number];

/**
 * What is refused by status alone. Where it says `allowed` the act may still be refused, by what it finds: a status is old
 * once it has been read.
 */
export const OPERATIONS_BY_STATUS: Readonly<
  Record<CheckoutAction, Readonly<Record<CheckoutStatus, 'allowed' | OperationRefusal>>>
> = {
  cancel: {
    opening: 'allowed',
    awaiting_payment: 'allowed',
    payment_processing: 'allowed',
    confirmed: 'refund_instead',
    expired: 'checkout_closed',
    canceled: 'checkout_closed',
    payment_failed: 'checkout_closed',
    refused: 'checkout_closed',
    refund_pending: 'money_returned',
    refunded: 'money_returned',
  },
  extend: {
    opening: 'still_opening',
    awaiting_payment: 'allowed',
    payment_processing: 'allowed',
    confirmed: 'checkout_closed',
    expired: 'checkout_closed',
    canceled: 'checkout_closed',
    payment_failed: 'checkout_closed',
    refused: 'checkout_closed',
    refund_pending: 'checkout_closed',
    refunded: 'checkout_closed',
  },
  ask_stripe: {
    opening: 'still_opening',
    awaiting_payment: 'allowed',
    payment_processing: 'allowed',
    confirmed: 'allowed',
    expired: 'allowed',
    canceled: 'allowed',
    payment_failed: 'allowed',
    refused: 'no_payment',
    refund_pending: 'allowed',
    refunded: 'allowed',
  },
  reclaim: {
    opening: 'still_open',
    awaiting_payment: 'still_open',
    payment_processing: 'still_open',
    confirmed: 'already_sold',
    expired: 'allowed',
    canceled: 'allowed',
    payment_failed: 'allowed',
    refused: 'no_payment',
    refund_pending: 'money_returned',
    refunded: 'money_returned',
  },
  refund: {
    opening: 'not_paid',
    awaiting_payment: 'not_paid',
    payment_processing: 'not_paid',
    confirmed: 'allowed',
    expired: 'not_paid',
    canceled: 'not_paid',
    payment_failed: 'not_paid',
    refused: 'not_paid',
    refund_pending: 'allowed',
    refunded: 'money_returned',
  },
};

/** Longest time by which all extensions together move a payment deadline (DESIGN 4.9). */
export const EXTENSION_SECONDS_MAX = 600;
/** Units one adjustment may add or take. */
export const RESTOCK_UNITS_MAX = 1_000_000;

/** One act, with what it needs to know. */
export type OperationRequest =
  | { action: 'cancel' | 'ask_stripe' | 'reclaim'; checkoutId: string }
  | { action: 'extend'; checkoutId: string; seconds: number }
  | {
      action: 'refund';
      checkoutId: string;
      /** Null: everything that is left. */
      amountMinor: number | null;
      /** Units that go back on sale once the money is back. Nothing returns unless it is named. */
      returnedLines: RequestedLine[] | 'all';
    }
  | { action: 'replay_event'; eventId: string }
  | { action: 'restock'; dropProductId: string; units: number }
  | { action: 'resolve_incident'; incidentId: string }
  | { action: 'clean_up' | 'reconcile' };

/** What starts the workflow `operation`. `operator` is an opaque name; nothing personal enters here. */
export interface OperationInput {
  operationId: string;
  requestFingerprint: string;
  operator: string;
  reason: string;
  request: OperationRequest;
}

export interface Refused {
  outcome: 'refused';
  refusal: OperationRefusal;
}

/** How an operation ended. `result`: what the act itself found, in snake case. */
export type OperationAnswer =
  { outcome: 'done'; result: Record<string, unknown> } | (Refused & { result: Record<string, unknown> });

/** A running checkout's answer to an operator's cancel. Accepted: the payment is ended; how, its result tells. */
export type CancelByOperatorAnswer = { outcome: 'accepted' } | Refused;

export interface ExtendRequest {
  /** The operation's own: under one key a checkout is extended once. */
  requestKey: string;
  seconds: number;
}

export type ExtendAnswer = { outcome: 'extended' } | Refused;

/** What an operation is about: the words of `admin_operations.target_kind`, and the id. */
export function operationTarget(request: OperationRequest): {
  kind: 'checkout' | 'event' | 'product' | 'incident' | 'system';
  id: string;
} {
  switch (request.action) {
    case 'cancel':
    case 'extend':
    case 'ask_stripe':
    case 'reclaim':
    case 'refund':
      return { kind: 'checkout', id: request.checkoutId };
    case 'replay_event':
      return { kind: 'event', id: request.eventId };
    case 'restock':
      return { kind: 'product', id: request.dropProductId };
    case 'resolve_incident':
      return { kind: 'incident', id: request.incidentId };
    case 'clean_up':
    case 'reconcile':
      return { kind: 'system', id: request.action };
  }
}
