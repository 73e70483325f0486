// Refunds: decided by confirm_checkout, carried out by settlement, told here what Stripe answered.
import { queryMaybeOne, queryOne, toInteger } from './query';
import type { Db } from './query';

export type RefundState = 'pending' | 'succeeded' | 'failed';

export interface StandingRefund {
  requestKey: string;
  /** Part of Stripe's idempotency key. */
  n: number;
  amountMinor: number;
  state: RefundState;
  stripeRefundId: string | null;
  paymentIntentId: string;
}

interface RefundRow {
  request_key: string;
  n: number;
  amount_minor: string;
  state: RefundState;
  stripe_refund_id: string | null;
  payment_intent_id: string;
}

/**
 * The refund of this checkout that has not failed, one still to be carried out first, or null. One that succeeded counts:
 * it may still fail at the bank (https://docs.stripe.com/refunds#failed-refunds).
 */
export async function readStandingRefund(db: Db, checkoutId: string): Promise<StandingRefund | null> {
  const row = await queryMaybeOne<RefundRow>(
    db,
    `select request_key, n, amount_minor, state, stripe_refund_id, payment_intent_id
     from refunds where checkout_id = $1 and state <> 'failed' order by state, created_at limit 1`,
    [checkoutId],
  );
  return (
    row && {
      requestKey: row.request_key,
      n: row.n,
      amountMinor: toInteger(row.amount_minor),
      state: row.state,
      stripeRefundId: row.stripe_refund_id,
      paymentIntentId: row.payment_intent_id,
    }
  );
}

/** After a definite answer other than success: `n` grows by one, once, however often it is asked with the same `n`. */
export async function advanceRefund(
  db: Db,
  { requestKey, n }: { requestKey: string; n: number },
): Promise<{ n: number }> {
  const row = await queryOne<{ n: number }>(db, 'select advance_refund($1, $2) as n', [requestKey, n]);
  return { n: row.n };
}

/** What Stripe says of the refund. Succeeded moves the checkout to `refunded`; failed is for the caller to report. */
export async function recordRefund(
  db: Db,
  refund: { requestKey: string; stripeRefundId: string; state: RefundState },
): Promise<void> {
  await queryOne(db, 'select * from record_refund($1, $2, $3)', [
    refund.requestKey,
    refund.stripeRefundId,
    refund.state,
  ]);
}
