// Ending a payment: ask Stripe, never guess. One attempt; the workflow goes on until there is proof.
import { ApplicationFailure, log } from '@temporalio/activity';

import { stripeIdempotencyKey } from '../contracts/ids';
import { renewLease } from '../db/checkouts';
import { openIncident } from '../db/incidents';
import { retrievePaymentIntent, parsePaymentIntent, type PaymentIntentReply } from '../platform/stripe';
import { readStripeFailure } from '../platform/stripe-failures';
import type { ActivityDeps } from './deps';
import { isOurs, tryAgain, UNAUTHORIZED_RETRY_MS } from './stripe-calls';

export interface EndPaymentInput {
  checkoutId: string;
  /** Saga state: part of the Stripe key, one more after every definite answer that was not a success. */
  n: number;
  amountMinor: number;
  currency: string;
  /** The units have been given back without proof; go on asking all the same. */
  isReleased: boolean;
}

export type EndPaymentOutcome =
  | { outcome: 'unbound' }
  | { outcome: 'canceled' }
  | { outcome: 'succeeded'; paymentIntentId: string }
  /** No proof and nothing to cancel now (processing, authorised, unknown, or a sum that does not match): keep the hold. */
  | { outcome: 'kept'; paymentStatus: string }
  /** A definite refusal, stored under this key: go on with `n + 1` after a pause. */
  | { outcome: 'again' }
  /** The longest time a hold may last without proof is over. */
  | { outcome: 'hold_max_reached' };

const CANCELLABLE = new Set(['requires_payment_method', 'requires_confirmation', 'requires_action']);

export function endPaymentActivities(deps: ActivityDeps) {
  return {
    async endPayment(input: EndPaymentInput): Promise<EndPaymentOutcome> {
      const lease = await renew(deps, input);
      if (lease.paymentIntentId === null) return { outcome: 'unbound' };
      try {
        const outcome = await attempt(deps, input, lease.paymentIntentId);
        const isProof = outcome.outcome === 'canceled' || outcome.outcome === 'succeeded';
        return isProof ? outcome : ((await withoutProof(deps, input)) ?? outcome);
      } catch (error) {
        const overdue = await withoutProof(deps, input);
        if (overdue !== null) return overdue;
        throw error;
      }
    },
  };
}

/** An attempt that proved nothing: renews the lease, and tells a person, or gives up the hold, when it is time. */
async function withoutProof(
  deps: ActivityDeps,
  input: EndPaymentInput,
): Promise<{ outcome: 'hold_max_reached' } | null> {
  const lease = await renew(deps, input);
  if (lease.graceExceeded) await report(deps, input.checkoutId, 'payment_end_unproven', { n: input.n });
  return lease.holdMaxReached && !input.isReleased ? { outcome: 'hold_max_reached' } : null;
}

async function attempt(
  deps: ActivityDeps,
  input: EndPaymentInput,
  paymentIntentId: string,
): Promise<EndPaymentOutcome> {
  const payment = await read(deps, input.checkoutId, paymentIntentId);
  if (!CANCELLABLE.has(payment.status)) return judge(deps, input, payment);
  try {
    const canceled = parsePaymentIntent(
      await deps.stripe.paymentIntents.cancel(
        paymentIntentId,
        // The same for every caller: run and settlement share the key, and a key with another body is an error.
        { cancellation_reason: 'abandoned' },
        { idempotencyKey: stripeIdempotencyKey(deps.holdfastEnv, input.checkoutId, 'cancel', input.n) },
      ),
    );
    return await judge(deps, input, canceled);
  } catch (error) {
    if (error instanceof ApplicationFailure) throw error;
    return readRefusal(deps, input, paymentIntentId, error);
  }
}

/** What a cancel that did not succeed means. Only `payment_intent_unexpected_state` says "look at the status". */
async function readRefusal(
  deps: ActivityDeps,
  input: EndPaymentInput,
  paymentIntentId: string,
  error: unknown,
): Promise<EndPaymentOutcome> {
  const failure = readStripeFailure(error);
  switch (failure.kind) {
    case 'no_reply':
      throw tryAgain('Stripe gave no readable answer to a cancel', 'StripeNoReply');
    case 'not_executed':
      throw tryAgain('Stripe did not execute a cancel', 'StripeNotExecuted', failure.retryAfterMs);
    case 'server_error':
      return { outcome: 'again' };
    case 'unexpected_state': {
      const payment = await read(deps, input.checkoutId, paymentIntentId);
      return CANCELLABLE.has(payment.status) ? { outcome: 'again' } : judge(deps, input, payment);
    }
    case 'unauthorized':
      return unauthorized(deps, input.checkoutId);
    case 'rejected':
      await report(deps, input.checkoutId, 'payment_end_rejected', { code: failure.code, n: input.n });
      return { outcome: 'again' };
  }
}

/** A status that is not cancelled from here, read as what it says and no more. */
async function judge(
  deps: ActivityDeps,
  input: EndPaymentInput,
  payment: PaymentIntentReply,
): Promise<EndPaymentOutcome> {
  const { checkoutId } = input;
  switch (payment.status) {
    case 'canceled':
      return { outcome: 'canceled' };
    case 'succeeded':
      if (isPaidInFull(deps, input, payment)) return { outcome: 'succeeded', paymentIntentId: payment.id };
      await report(deps, checkoutId, 'payment_does_not_match', {
        amount_received_minor: payment.amountReceivedMinor,
        currency: payment.currency,
      });
      return { outcome: 'kept', paymentStatus: payment.status };
    case 'processing':
      return { outcome: 'kept', paymentStatus: payment.status };
    default:
      await report(deps, checkoutId, 'payment_status_unexpected', { payment_status: payment.status });
      return { outcome: 'kept', paymentStatus: payment.status };
  }
}

/** Whether a succeeded PaymentIntent is this checkout's and its money is all there, in the right currency. */
export function isPaidInFull(
  deps: ActivityDeps,
  expected: { checkoutId: string; amountMinor: number; currency: string },
  payment: PaymentIntentReply,
): boolean {
  return (
    payment.status === 'succeeded' &&
    isOurs(deps, payment, expected.checkoutId) &&
    payment.amountReceivedMinor === expected.amountMinor &&
    payment.currency === expected.currency
  );
}

/** Reads the payment for a decision. Any failure is retried: nothing may be concluded from it. */
export async function read(
  deps: ActivityDeps,
  checkoutId: string,
  paymentIntentId: string,
): Promise<PaymentIntentReply> {
  try {
    return await retrievePaymentIntent(deps.stripe, paymentIntentId);
  } catch (error) {
    const failure = readStripeFailure(error);
    if (failure.kind === 'unauthorized') return unauthorized(deps, checkoutId);
    if (failure.kind === 'rejected')
      await report(deps, checkoutId, 'payment_unreadable', { code: failure.code });
    throw tryAgain('Stripe could not be asked for a payment', 'StripeUnreadable');
  }
}

async function unauthorized(deps: ActivityDeps, checkoutId: string): Promise<never> {
  await report(deps, checkoutId, 'stripe_key_refused', {});
  throw tryAgain('Stripe refuses our key', 'StripeUnauthorized', UNAUTHORIZED_RETRY_MS);
}

async function renew(deps: ActivityDeps, { checkoutId }: EndPaymentInput) {
  return renewLease(deps.pool, {
    checkoutId,
    reclaimGraceSeconds: deps.policy.reclaimGraceSeconds,
    holdMaxSeconds: deps.holdMaxSeconds,
  });
}

async function report(
  deps: ActivityDeps,
  checkoutId: string,
  kind: string,
  detail: Record<string, unknown>,
): Promise<void> {
  log.warn('incident', { checkout_id: checkoutId, kind });
  await openIncident(deps.pool, { checkoutId, kind, detail });
}
