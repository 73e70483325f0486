// What each call to Stripe does about each kind of failure: one table, executed by the activities.
import { log, type ApplicationFailure } from '@temporalio/activity';

import { openIncident } from '../db/incidents';
import { readStripeFailure, type StripeFailure, type StripeFailureKind } from '../platform/stripe-failures';
import type { ActivityDeps } from './deps';
import { tryAgain, UNAUTHORIZED_RETRY_MS } from './stripe-calls';

export type StripeCall = 'create' | 'read' | 'cancel' | 'capture' | 'refund';

export interface Decision {
  /** Read the object at Stripe first: what it says now comes before `next`. */
  look: boolean;
  /** A person is told. */
  tell: boolean;
  /** The same request again; a new one under `n + 1`, after a pause; or none, because repeating does not help. */
  next: 'same_key' | 'new_key' | 'stop';
}

const SAME_KEY: Decision = { look: false, tell: false, next: 'same_key' };
const NEW_KEY: Decision = { look: false, tell: false, next: 'new_key' };
const LOOK_SAME_KEY: Decision = { look: true, tell: false, next: 'same_key' };
const LOOK_NEW_KEY: Decision = { look: true, tell: false, next: 'new_key' };
const LOOK_STOP: Decision = { look: true, tell: false, next: 'stop' };
const TELL_SAME_KEY: Decision = { look: false, tell: true, next: 'same_key' };
const TELL_NEW_KEY: Decision = { look: false, tell: true, next: 'new_key' };
const TELL_STOP: Decision = { look: false, tell: true, next: 'stop' };

/**
 * Rules: no reply, 409 and 429 keep the key; a 5xx is stored under it, so look, then a new one; only
 * `payment_intent_unexpected_state` says "look at the status"; 401 and 403 keep everything until a person has mended
 * the key; every other 4xx is our mistake and proves nothing about the payment. A create may not keep a buyer waiting,
 * so it stops where the others go on. A refund looks by itself before every new request.
 */
export const DECISIONS: Readonly<Record<StripeCall, Readonly<Record<StripeFailureKind, Decision>>>> = {
  create: {
    no_reply: SAME_KEY,
    not_executed: SAME_KEY,
    server_error: LOOK_NEW_KEY,
    unexpected_state: TELL_STOP,
    unauthorized: TELL_STOP,
    declined: TELL_STOP,
    disputed: TELL_STOP,
    rejected: TELL_STOP,
  },
  read: {
    no_reply: SAME_KEY,
    not_executed: SAME_KEY,
    server_error: SAME_KEY,
    unexpected_state: TELL_SAME_KEY,
    unauthorized: TELL_SAME_KEY,
    declined: TELL_SAME_KEY,
    disputed: TELL_SAME_KEY,
    rejected: TELL_SAME_KEY,
  },
  cancel: {
    no_reply: SAME_KEY,
    not_executed: SAME_KEY,
    server_error: NEW_KEY,
    unexpected_state: LOOK_NEW_KEY,
    unauthorized: TELL_SAME_KEY,
    declined: TELL_NEW_KEY,
    disputed: TELL_NEW_KEY,
    rejected: TELL_NEW_KEY,
  },
  capture: {
    no_reply: LOOK_SAME_KEY,
    not_executed: SAME_KEY,
    server_error: LOOK_NEW_KEY,
    unexpected_state: LOOK_NEW_KEY,
    unauthorized: TELL_SAME_KEY,
    declined: LOOK_STOP,
    disputed: TELL_NEW_KEY,
    rejected: TELL_NEW_KEY,
  },
  refund: {
    no_reply: SAME_KEY,
    not_executed: SAME_KEY,
    server_error: NEW_KEY,
    unexpected_state: TELL_STOP,
    unauthorized: TELL_SAME_KEY,
    declined: TELL_STOP,
    disputed: TELL_STOP,
    rejected: TELL_STOP,
  },
};

/** The row of the table for an error that a call threw. Errors that are not Stripe's count as no reply. */
export function decisionOn(call: StripeCall, error: unknown): { decision: Decision; failure: StripeFailure } {
  const failure = readStripeFailure(error);
  return { decision: DECISIONS[call][failure.kind], failure };
}

/** The incident that a `tell` opens: a refused key has one name whatever the call was. */
const REJECTED_KINDS: Readonly<Record<StripeCall, string>> = {
  create: 'payment_create_rejected',
  read: 'payment_unreadable',
  cancel: 'payment_end_rejected',
  capture: 'capture_rejected',
  refund: 'refund_rejected',
};

/** Opens the incident where the decision asks for one. */
export async function tell(deps: ActivityDeps, { checkoutId, call, decision, failure }: Told): Promise<void> {
  if (!decision.tell) return;
  const kind = failure.kind === 'unauthorized' ? 'stripe_key_refused' : REJECTED_KINDS[call];
  await report(deps, checkoutId, kind, { code: failure.code });
}

interface Told {
  checkoutId: string;
  call: StripeCall;
  decision: Decision;
  failure: StripeFailure;
}

/** The failure that has Temporal send the same request again, later. */
export function sameKeyAgain(call: StripeCall, failure: StripeFailure): ApplicationFailure {
  const delayMs = failure.kind === 'unauthorized' ? UNAUTHORIZED_RETRY_MS : undefined;
  return tryAgain(`Stripe did not ${call} yet (${failure.kind})`, `Stripe:${failure.kind}`, delayMs);
}

/** One open incident a checkout and kind. */
export async function report(
  deps: ActivityDeps,
  checkoutId: string,
  kind: string,
  detail: Record<string, unknown>,
): Promise<void> {
  log.warn('incident', { checkout_id: checkoutId, kind });
  await openIncident(deps.pool, { checkoutId, kind, detail });
}
