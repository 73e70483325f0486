// The only code that refunds. The decision is a row written before; this carries it out, once.
import { stripeIdempotencyKey } from '../contracts/ids';
import { advanceRefund, listPendingRefunds, recordRefund, type PendingRefund } from '../db/refunds';
import { parseRefund, type RefundReply } from '../platform/stripe';
import { decisionOn, report, sameKeyAgain, tell } from './decisions';
import type { ActivityDeps } from './deps';
import { watched } from './endless';
import { listRefunds, stateOf } from './money';

export type RefundOutcome =
  /** Every refund that was decided stands at Stripe, or was refused there; a person knows of what failed. */
  | { outcome: 'done' }
  /** A definite error, stored under this key: the row's `n` has moved on, try again after a pause. */
  | { outcome: 'again' };

/** With the pauses between them (5 s doubling to 5 min), about ten minutes of definite errors. */
const QUIET_ERRORS_MAX = 7;

export function refundActivities(deps: ActivityDeps) {
  return {
    /** Sends what has been decided for a checkout and is not at Stripe yet. */
    async refundPayment({ checkoutId }: { checkoutId: string }): Promise<RefundOutcome> {
      return watched(deps, { checkoutId, step: 'refund' }, () => sendPending(deps, checkoutId));
    },
  };
}

async function sendPending(deps: ActivityDeps, checkoutId: string): Promise<RefundOutcome> {
  let outcome: RefundOutcome = { outcome: 'done' };
  for (const refund of await listPendingRefunds(deps.pool, checkoutId)) {
    if (refund.stripeRefundId !== null) continue;
    if ((await carryOut(deps, checkoutId, refund)) === 'again') outcome = { outcome: 'again' };
  }
  return outcome;
}

async function carryOut(
  deps: ActivityDeps,
  checkoutId: string,
  refund: PendingRefund,
): Promise<'done' | 'again'> {
  const { requestKey } = refund;
  const known = await listRefunds(deps, checkoutId, refund.paymentIntentId);
  let reply = known.find(({ metadata }) => metadata['request_key'] === requestKey);
  if (reply === undefined) {
    try {
      reply = await createRefund(deps, checkoutId, refund);
    } catch (error) {
      return readRefusal(deps, checkoutId, refund, error);
    }
  }
  const { id, failureReason } = reply;
  await recordRefund(deps.pool, { requestKey, stripeRefundId: id, state: stateOf(reply), failureReason });
  return 'done';
}

/** Parameters depend on the row alone, so that a repeated key always carries the same body. */
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

async function readRefusal(
  deps: ActivityDeps,
  checkoutId: string,
  { requestKey, n }: PendingRefund,
  error: unknown,
): Promise<'done' | 'again'> {
  const { decision, failure } = decisionOn('refund', error);
  switch (decision.next) {
    case 'same_key':
      await tell(deps, { checkoutId, call: 'refund', decision, failure });
      throw sameKeyAgain('refund', failure);
    case 'new_key':
      await advanceRefund(deps.pool, { requestKey, n });
      if (n >= QUIET_ERRORS_MAX) await report(deps, checkoutId, 'step_keeps_failing', { step: 'refund', n });
      return 'again';
    case 'stop':
      // The row tells: failed and its incident are one transaction.
      await recordRefund(deps.pool, {
        requestKey,
        stripeRefundId: null,
        state: 'failed',
        failureReason: failure.code,
      });
      return 'done';
  }
}
