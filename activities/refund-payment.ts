// The only code that refunds. The decision is a row written before; this carries it out, once.
import { ApplicationFailure } from '@temporalio/activity';

import { stripeIdempotencyKey } from '../contracts/ids';
import { advanceRefund, readPendingRefund, recordRefund } from '../db/refunds';
import { parseRefund, type RefundReply } from '../platform/stripe';
import { decisionOn, report, sameKeyAgain, tell } from './decisions';
import type { ActivityDeps } from './deps';

export type RefundOutcome =
  | { outcome: 'nothing_due' }
  | { outcome: 'refunded' }
  /** Accepted, and not through yet: a later event tells. */
  | { outcome: 'pending' }
  /** A definite error, stored under this key: the row's `n` has moved on, try again after a pause. */
  | { outcome: 'again' }
  /** Only a person can finish it; an incident is open. */
  | { outcome: 'failed' };

type PendingRefund = NonNullable<Awaited<ReturnType<typeof readPendingRefund>>>;

export function refundActivities(deps: ActivityDeps) {
  return {
    async refundPayment({ checkoutId }: { checkoutId: string }): Promise<RefundOutcome> {
      const refund = await readPendingRefund(deps.pool, checkoutId);
      if (refund === null) return { outcome: 'nothing_due' };
      try {
        const known = await findRefund(deps, refund);
        return await record(
          deps,
          checkoutId,
          refund,
          known ?? (await createRefund(deps, checkoutId, refund)),
        );
      } catch (error) {
        return readRefusal(deps, checkoutId, refund, error);
      }
    },
  };
}

/** The refund this request made before, if it did: by id, else by the request key in its metadata. */
async function findRefund(deps: ActivityDeps, refund: PendingRefund): Promise<RefundReply | null> {
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
  refund: PendingRefund,
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
  refund: PendingRefund,
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
  refund: PendingRefund,
  error: unknown,
): Promise<RefundOutcome> {
  if (error instanceof ApplicationFailure) throw error;
  const { decision, failure } = decisionOn('refund', error);
  await tell(deps, { checkoutId, call: 'refund', decision, failure });
  switch (decision.next) {
    case 'same_key':
      throw sameKeyAgain('refund', failure);
    case 'new_key':
      await advanceRefund(deps.pool, { requestKey: refund.requestKey, n: refund.n });
      return { outcome: 'again' };
    case 'stop':
      return { outcome: 'failed' };
  }
}
