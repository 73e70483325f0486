// What Stripe knows of money after the payment: refunds of every origin, and disputes.
import { listUnjudgedEventIds } from '../db/inbox';
import { recordMoney } from '../db/refunds';
import type { RefundState } from '../db/refunds';
import { parseDispute, parseRefund, type RefundReply } from '../platform/stripe';
import { decisionOn, sameKeyAgain, tell } from './decisions';
import type { ActivityDeps } from './deps';

export interface MoneyInput {
  checkoutId: string;
  paymentIntentId: string;
}

export function moneyActivities(deps: ActivityDeps) {
  return {
    /** Reads refunds and disputes of a checkout's payment, and writes down what has changed. */
    async recordMoney({ checkoutId, paymentIntentId }: MoneyInput): Promise<void> {
      const eventIds = await listUnjudgedEventIds(deps.pool, checkoutId, 'money');
      const refunds = await listRefunds(deps, checkoutId, paymentIntentId);
      const disputedAtUnixSeconds = await firstDispute(deps, checkoutId, paymentIntentId);
      await recordMoney(deps.pool, {
        checkoutId,
        refunds: refunds.map((reply) => ({
          id: reply.id,
          requestKey: reply.metadata['request_key'] ?? null,
          amountMinor: reply.amountMinor,
          state: stateOf(reply),
          failureReason: reply.failureReason,
        })),
        disputedAtUnixSeconds,
        eventIds,
      });
    },
  };
}

/** Stripe's `requires_action` is as pending as `pending`; a canceled refund has failed. */
export function stateOf({ status }: RefundReply): RefundState {
  if (status === 'succeeded') return 'succeeded';
  return status === 'failed' || status === 'canceled' ? 'failed' : 'pending';
}

/** A payment has a handful of refunds; Stripe's page of 100 is the bound. Any failure is retried: it proves nothing. */
export async function listRefunds(
  deps: ActivityDeps,
  checkoutId: string,
  paymentIntentId: string,
): Promise<RefundReply[]> {
  return reading(deps, checkoutId, async () => {
    const list = await deps.stripe.refunds.list({ payment_intent: paymentIntentId, limit: 100 });
    return list.data.map(parseRefund);
  });
}

/** The bank has left the money with the shop: https://docs.stripe.com/api/disputes/object#dispute_object-status. */
const ENDED_WELL = new Set(['won', 'warning_closed', 'prevented']);

/** When the buyer's bank first asked for the money back and did not give up, in Unix seconds; null when it never did. */
async function firstDispute(
  deps: ActivityDeps,
  checkoutId: string,
  paymentIntentId: string,
): Promise<number | null> {
  return reading(deps, checkoutId, async () => {
    const list = await deps.stripe.disputes.list({ payment_intent: paymentIntentId, limit: 100 });
    const standing = list.data.map(parseDispute).filter(({ status }) => !ENDED_WELL.has(status));
    return standing.length === 0 ? null : Math.min(...standing.map((one) => one.createdUnixSeconds));
  });
}

async function reading<T>(deps: ActivityDeps, checkoutId: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const { decision, failure } = decisionOn('read', error);
    await tell(deps, { checkoutId, call: 'read', decision, failure });
    throw sameKeyAgain('read', failure);
  }
}
