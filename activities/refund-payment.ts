// The only code that refunds. The decision is a row written before; this carries it out, once.
import { ApplicationFailure } from '@temporalio/activity';

import { stripeIdempotencyKey } from '../contracts/ids';
import { openIncident } from '../db/incidents';
import { advanceRefund, readStandingRefund, recordRefund } from '../db/refunds';
import { parseRefund, type RefundReply } from '../platform/stripe';
import { readStripeFailure } from '../platform/stripe-failures';
import type { ActivityDeps } from './deps';
import { watched } from './endless';
import { tryAgain, UNAUTHORIZED_RETRY_MS } from './stripe-calls';

export type RefundOutcome =
  | { outcome: 'nothing_due' }
  | { outcome: 'refunded' }
  /** Accepted, and not through yet: a later event tells. */
  | { outcome: 'pending' }
  /** A definite error, stored under this key: the row's `n` has moved on, try again after a pause. */
  | { outcome: 'again' }
  /** Only a person can finish it; an incident is open. */
  | { outcome: 'failed' };

/** With the pauses between them (5 s doubling to 5 min), about ten minutes of definite errors. */
const QUIET_ERRORS_MAX = 7;

type StandingRefund = NonNullable<Awaited<ReturnType<typeof readStandingRefund>>>;

export function refundActivities(deps: ActivityDeps) {
  return {
    async refundPayment({ checkoutId }: { checkoutId: string }): Promise<RefundOutcome> {
      return watched(deps, { checkoutId, step: 'refund' }, () => carryOut(deps, checkoutId));
    },
  };
}

/** One that succeeded before is read again, because it may have failed since. */
async function carryOut(deps: ActivityDeps, checkoutId: string): Promise<RefundOutcome> {
  const refund = await readStandingRefund(deps.pool, checkoutId);
  if (refund === null) return { outcome: 'nothing_due' };
  try {
    const known = await findRefund(deps, refund);
    return await record(deps, checkoutId, refund, known ?? (await createRefund(deps, checkoutId, refund)));
  } catch (error) {
    return readRefusal(deps, checkoutId, refund, error);
  }
}

/** The refund this request made before, if it did: by id, else by the request key in its metadata. */
async function findRefund(deps: ActivityDeps, refund: StandingRefund): Promise<RefundReply | null> {
  if (refund.stripeRefundId !== null) {
    return parseRefund(await deps.stripe.refunds.retrieve(refund.stripeRefundId));
  }
  const list = await deps.stripe.refunds.list({ payment_intent: refund.paymentIntentId, limit: 100 });
  const replies = list.data.map(parseRefund);
  return replies.find((reply) => reply.metadata['request_key'] === refund.requestKey) ?? null;
}

async function createRefund(
  deps: ActivityDeps,
  checkoutId: string,
  refund: StandingRefund,
): Promise<RefundReply> {
  const { paymentIntentId, amountMinor, requestKey, n } = refund;
  const reply = await deps.stripe.refunds.create(
    {
      payment_intent: paymentIntentId,
      amount: amountMinor,
      reason: 'requested_by_customer',
      metadata: { holdfast_env: deps.holdfastEnv, checkout_id: checkoutId, request_key: requestKey },
    },
    { idempotencyKey: stripeIdempotencyKey(deps.holdfastEnv, checkoutId, 'refund', `${requestKey}:${n}`) },
  );
  return parseRefund(reply);
}

async function record(
  deps: ActivityDeps,
  checkoutId: string,
  refund: StandingRefund,
  reply: RefundReply,
): Promise<RefundOutcome> {
  const state = reply.status === 'succeeded' ? 'succeeded' : isFailed(reply) ? 'failed' : 'pending';
  await recordRefund(deps.pool, { requestKey: refund.requestKey, stripeRefundId: reply.id, state });
  if (state === 'succeeded') return { outcome: 'refunded' };
  if (state === 'pending') return { outcome: 'pending' };
  await report(deps, checkoutId, 'refund_failed', { refund_id: reply.id });
  return { outcome: 'failed' };
}

function isFailed(reply: RefundReply): boolean {
  return reply.status === 'failed' || reply.status === 'canceled';
}

async function readRefusal(
  deps: ActivityDeps,
  checkoutId: string,
  refund: StandingRefund,
  error: unknown,
): Promise<RefundOutcome> {
  if (error instanceof ApplicationFailure) throw error;
  const failure = readStripeFailure(error);
  switch (failure.kind) {
    case 'no_reply':
      throw tryAgain('Stripe gave no readable answer to a refund', 'StripeNoReply');
    case 'not_executed':
      throw tryAgain('Stripe did not execute a refund', 'StripeNotExecuted', failure.retryAfterMs);
    case 'server_error':
      await advanceRefund(deps.pool, { requestKey: refund.requestKey, n: refund.n });
      if (refund.n >= QUIET_ERRORS_MAX)
        await report(deps, checkoutId, 'step_keeps_failing', { step: 'refund', n: refund.n });
      return { outcome: 'again' };
    case 'unauthorized':
      await report(deps, checkoutId, 'stripe_key_refused', {});
      throw tryAgain('Stripe refuses our key', 'StripeUnauthorized', UNAUTHORIZED_RETRY_MS);
    case 'unexpected_state':
    case 'rejected':
      await report(deps, checkoutId, 'refund_rejected', {
        code: failure.kind === 'rejected' ? failure.code : failure.kind,
      });
      return { outcome: 'failed' };
  }
}

async function report(deps: ActivityDeps, checkoutId: string, kind: string, detail: Record<string, unknown>) {
  await openIncident(deps.pool, { checkoutId, kind, detail });
}
