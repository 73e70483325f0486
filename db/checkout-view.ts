// The checkout as it is read: one row, with every time difference taken by the database.
import type { FailureCode } from '../contracts/checkout';
import type { CheckoutStatus } from '../contracts/statuses';
import { queryMaybeOne, toInteger } from './query';
import type { Db } from './query';
import type { RefundState } from './refunds';

export interface CheckoutLineView {
  dropProductId: string;
  productName: string;
  unitPriceMinor: number;
  quantity: number;
}

export interface CheckoutView {
  checkoutId: string;
  requestFingerprint: string;
  customerId: string | null;
  status: CheckoutStatus;
  failureCode: FailureCode | null;
  /** Which product, how many are left, which limit: by failure code, in snake case. */
  failureDetail: Record<string, unknown> | null;
  /** Null only where nothing was priced: refused. */
  amountMinor: number | null;
  currency: string | null;
  paymentIntentId: string | null;
  /** By product id, as are the lines. */
  reservationIds: string[];
  openedAt: Date;
  expiresAt: Date | null;
  /** Until the payment deadline, rounded up; 0 once it has passed or the checkout is closed. */
  secondsLeft: number;
  isPayable: boolean;
  /** Nothing is held for it while its payment is awaited. */
  isCheckOnly: boolean;
  attempts: number;
  lastDecline: { code: string | null; declineCode: string | null } | null;
  orderId: string | null;
  refund: { state: RefundState; amountMinor: number } | null;
  lines: CheckoutLineView[];
}

/** As `checkout_details` has it. */
export interface CheckoutRow {
  checkout_id: string;
  request_fingerprint: string;
  customer_id: string | null;
  status: CheckoutStatus;
  failure_code: FailureCode | null;
  failure_detail: Record<string, unknown> | null;
  amount_minor: string | null;
  currency: string | null;
  payment_intent_id: string | null;
  reservation_ids: string[];
  opened_at: Date;
  expires_at: Date | null;
  seconds_left: number;
  is_payable: boolean;
  is_check_only: boolean;
  attempts: number;
  last_error_code: string | null;
  last_decline_code: string | null;
  order_id: string | null;
  refund: { state: RefundState; amount_minor: number } | null;
  lines: { drop_product_id: string; product_name: string; unit_price_minor: number; quantity: number }[];
}

/** The checkout, or null when there is no row. `checkoutId` must be a UUID. */
export async function readCheckout(db: Db, checkoutId: string): Promise<CheckoutView | null> {
  const row = await queryMaybeOne<CheckoutRow>(
    db,
    `select d.*, c.is_check_only
     from checkout_details d join checkouts c on c.id = d.checkout_id
     where d.checkout_id = $1`,
    [checkoutId],
  );
  return row && toCheckoutView(row);
}

/** The checkout this PaymentIntent is bound to, or null: how events without our metadata find home. */
export async function findCheckoutByPaymentIntent(db: Db, paymentIntentId: string): Promise<string | null> {
  const row = await queryMaybeOne<{ id: string }>(
    db,
    'select id from checkouts where payment_intent_id = $1',
    [paymentIntentId],
  );
  return row?.id ?? null;
}

export function toCheckoutView(row: CheckoutRow): CheckoutView {
  return {
    checkoutId: row.checkout_id,
    requestFingerprint: row.request_fingerprint,
    customerId: row.customer_id,
    status: row.status,
    failureCode: row.failure_code,
    failureDetail: row.failure_detail,
    amountMinor: row.amount_minor === null ? null : toInteger(row.amount_minor),
    currency: row.currency,
    paymentIntentId: row.payment_intent_id,
    reservationIds: row.reservation_ids,
    openedAt: row.opened_at,
    expiresAt: row.expires_at,
    secondsLeft: row.seconds_left,
    isPayable: row.is_payable,
    isCheckOnly: row.is_check_only,
    attempts: row.attempts,
    lastDecline:
      row.attempts === 0 ? null : { code: row.last_error_code, declineCode: row.last_decline_code },
    orderId: row.order_id,
    refund: row.refund && { state: row.refund.state, amountMinor: row.refund.amount_minor },
    lines: row.lines.map((line) => ({
      dropProductId: line.drop_product_id,
      productName: line.product_name,
      unitPriceMinor: line.unit_price_minor,
      quantity: line.quantity,
    })),
  };
}
