// Refunds: decided here before Stripe is asked, carried out by settlement, and told what Stripe says of them.
import type { RefundDecision, RefundRequest } from '../contracts/refunds';
import { queryOne, queryRows, toInteger } from './query';
import type { Db } from './query';

export type RefundState = 'pending' | 'succeeded' | 'failed';

export interface PendingRefund {
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

/** More decisions than this in one checkout wait for the next settlement. */
const PENDING_MAX = 100;

/** This checkout's refunds that have not come to an end, oldest first, at most 100. */
export async function listPendingRefunds(db: Db, checkoutId: string): Promise<PendingRefund[]> {
  const rows = await queryRows<RefundRow>(
    db,
    `select request_key, n, amount_minor, state, stripe_refund_id, payment_intent_id
     from refunds where checkout_id = $1 and state = 'pending' order by created_at, request_key limit $2`,
    [checkoutId, PENDING_MAX],
  );
  return rows.map((row) => ({
    requestKey: row.request_key,
    n: row.n,
    amountMinor: toInteger(row.amount_minor),
    state: row.state,
    stripeRefundId: row.stripe_refund_id,
    paymentIntentId: row.payment_intent_id,
  }));
}

/** Checkouts with a refund that has been pending for a minute or longer, at most `limit`, others each time. */
export async function listCheckoutsWithPendingRefunds(db: Db, limit: number): Promise<string[]> {
  const rows = await queryRows<{ checkout_id: string }>(
    db,
    `select checkout_id from refunds
     where state = 'pending' and updated_at < clock_timestamp() - interval '1 minute'
     group by checkout_id order by random() limit $1`,
    [limit],
  );
  return rows.map((row) => row.checkout_id);
}

/**
 * An operator's decision, written with who and why; a known key answers as before.
 * @throws RefusedByDatabaseError `not_found`.
 */
export async function requestRefund(
  db: Db,
  requestKey: string,
  request: RefundRequest,
): Promise<RefundDecision> {
  const { returnedLines } = request;
  const lines =
    returnedLines === 'all'
      ? 'all'
      : returnedLines.map((line) => ({ drop_product_id: line.dropProductId, quantity: line.quantity }));
  const row = await queryOne<{ outcome: RefundDecision['outcome']; amount_minor: string | null }>(
    db,
    'select * from request_refund($1, $2, $3, $4, $5, $6)',
    [
      requestKey,
      request.checkoutId,
      request.amountMinor,
      JSON.stringify(lines),
      request.requestedBy,
      request.reason,
    ],
  );
  if (row.outcome !== 'decided') return { outcome: row.outcome };
  return { outcome: 'decided', amountMinor: toInteger(row.amount_minor ?? '') };
}

/** After a definite answer other than success: `n` grows by one, once, however often it is asked with the same `n`. */
export async function advanceRefund(
  db: Db,
  { requestKey, n }: { requestKey: string; n: number },
): Promise<{ n: number }> {
  const row = await queryOne<{ n: number }>(db, 'select advance_refund($1, $2) as n', [requestKey, n]);
  return { n: row.n };
}

/** What Stripe says of one refund. Succeeded moves order, checkout and named units along; failed opens an incident. */
export async function recordRefund(
  db: Db,
  refund: {
    requestKey: string;
    stripeRefundId: string | null;
    state: RefundState;
    failureReason: string | null;
  },
): Promise<void> {
  await queryOne(db, 'select * from record_refund($1, $2, $3, $4)', [
    refund.requestKey,
    refund.stripeRefundId,
    refund.state,
    refund.failureReason,
  ]);
}

export interface StripeRefund {
  id: string;
  /** Ours, from the metadata; null for one that a person made at Stripe. */
  requestKey: string | null;
  amountMinor: number;
  state: RefundState;
  failureReason: string | null;
}

/** All that Stripe knows of a payment's refunds and disputes, in one transaction with the events that told of it. */
export async function recordMoney(
  db: Db,
  money: {
    checkoutId: string;
    refunds: readonly StripeRefund[];
    disputedAtUnixSeconds: number | null;
    eventIds: readonly string[];
  },
): Promise<void> {
  const refunds = money.refunds.map((refund) => ({
    id: refund.id,
    request_key: refund.requestKey,
    amount_minor: refund.amountMinor,
    state: refund.state,
    failure_reason: refund.failureReason,
  }));
  await queryRows(db, 'select record_money($1, $2, to_timestamp($3), $4)', [
    money.checkoutId,
    JSON.stringify(refunds),
    money.disputedAtUnixSeconds,
    money.eventIds,
  ]);
}
