// The checkout's row, for everyone who needs it. How it ends and how it is read are in files of their own.
import type { FailureCode, RequestedLine } from '../contracts/checkout';
import type { CheckoutStatus } from '../contracts/statuses';
import { RefusedByDatabaseError } from './errors';
import { queryOne, toInteger } from './query';
import type { Db } from './query';

export {
  closeEvents,
  confirmCheckout,
  recordDecline,
  recordProcessing,
  releaseCheckout,
} from './checkout-endings';
export type { CheckoutEnding } from './checkout-endings';
export { findCheckoutByPaymentIntent, readCheckout } from './checkout-view';
export type { CheckoutLineView, CheckoutView } from './checkout-view';

export interface OpenInput {
  checkoutId: string;
  requestFingerprint: string;
  customerId: string | null;
  lines: readonly RequestedLine[];
  windowSeconds: number;
  reclaimGraceSeconds: number;
  paymentAttemptsMax: number;
  /** The lines must be free, and none is held: step 4 takes them, or the money goes back. */
  isCheckOnly?: boolean;
}

export type OpenOutcome =
  | {
      outcome: 'opened';
      amountMinor: number;
      currency: string;
      /** By product id. */
      reservationIds: string[];
      openedAtUnixSeconds: number;
      /** Not null: a PaymentIntent was bound by an earlier run. */
      paymentIntentId: string | null;
    }
  | { outcome: 'closed'; status: CheckoutStatus; failureCode: FailureCode | null; orderId: string | null };

/** The answer of the SQL; the batch has the same columns. */
export interface OpenRow {
  outcome: 'opened' | 'closed';
  status: CheckoutStatus;
  failure_code: FailureCode | null;
  order_id: string | null;
  amount_minor: string | null;
  currency: string | null;
  payment_intent_id: string | null;
  opened_at_unix_seconds: string;
  reservation_ids: string[];
}

/**
 * Step 1: freezes lines and prices, holds every line or none, and writes the row; a refusal is a row as well. A row that is
 * there already answers, whatever the lines.
 * @throws RefusedByDatabaseError `other_request` when the id was used with another fingerprint.
 */
export async function openCheckout(db: Db, input: OpenInput): Promise<OpenOutcome> {
  const lines = input.lines.map((line) => ({ drop_product_id: line.dropProductId, quantity: line.quantity }));
  const open = input.isCheckOnly === true ? 'open_checkout_check_only' : 'open_checkout';
  const row = await queryOne<OpenRow>(db, `select * from ${open}($1, $2, $3, $4, $5, $6, $7)`, [
    input.checkoutId,
    input.requestFingerprint,
    input.customerId,
    JSON.stringify(lines),
    input.windowSeconds,
    input.reclaimGraceSeconds,
    input.paymentAttemptsMax,
  ]);
  return toOpenOutcome(row);
}

export function toOpenOutcome(row: OpenRow): OpenOutcome {
  if (row.outcome === 'closed') {
    return { outcome: 'closed', status: row.status, failureCode: row.failure_code, orderId: row.order_id };
  }
  if (row.amount_minor === null || row.currency === null) throw new Error('an open checkout has no amount');
  return {
    outcome: 'opened',
    amountMinor: toInteger(row.amount_minor),
    currency: row.currency,
    reservationIds: row.reservation_ids,
    openedAtUnixSeconds: toInteger(row.opened_at_unix_seconds),
    paymentIntentId: row.payment_intent_id,
  };
}

export type BindOutcome =
  { outcome: 'bound' } | { outcome: 'closed' } | { outcome: 'bound_to_other'; paymentIntentId: string };

/**
 * Binds the PaymentIntent, once: `opening` becomes `awaiting_payment` in the same transaction. `closed` and `bound_to_other`
 * change nothing; the caller's PaymentIntent is then an orphan.
 */
export async function bindPaymentIntent(
  db: Db,
  { checkoutId, paymentIntentId }: { checkoutId: string; paymentIntentId: string },
): Promise<BindOutcome> {
  try {
    const row = await queryOne<{ is_bound: boolean }>(db, 'select bind_payment_intent($1, $2) as is_bound', [
      checkoutId,
      paymentIntentId,
    ]);
    return { outcome: row.is_bound ? 'bound' : 'closed' };
  } catch (err) {
    if (err instanceof RefusedByDatabaseError && err.reason === 'bound_to_other' && err.detail !== null) {
      return { outcome: 'bound_to_other', paymentIntentId: err.detail };
    }
    throw err;
  }
}

export type CloseUnboundOutcome =
  | { outcome: 'closed'; status: CheckoutStatus; failureCode: FailureCode | null }
  | { outcome: 'bound'; paymentIntentId: string };

/**
 * Undo of step 1: refuses a checkout without PaymentIntent and releases its units, in one transaction. Without a row it
 * leaves a tombstone that a late open respects. One that is bound and open is left alone.
 */
export async function closeUnboundCheckout(
  db: Db,
  input: { checkoutId: string; requestFingerprint: string; failureCode: FailureCode },
): Promise<CloseUnboundOutcome> {
  const row = await queryOne<{
    outcome: 'closed' | 'bound';
    status: CheckoutStatus;
    failure_code: FailureCode | null;
    payment_intent_id: string | null;
  }>(db, 'select * from close_unbound_checkout($1, $2, $3)', [
    input.checkoutId,
    input.requestFingerprint,
    input.failureCode,
  ]);
  if (row.outcome === 'closed') {
    return { outcome: 'closed', status: row.status, failureCode: row.failure_code };
  }
  if (row.payment_intent_id === null) throw new Error('a bound checkout has no PaymentIntent');
  return { outcome: 'bound', paymentIntentId: row.payment_intent_id };
}

export interface LeaseAnswer {
  paymentIntentId: string | null;
  status: CheckoutStatus;
  /** Whether any unit was still held and its lease moved. */
  renewed: boolean;
  /** The deadline lies more than a grace back: a person should know. */
  graceExceeded: boolean;
  /** The longest time a hold may last without proof is over; nothing was renewed. */
  holdMaxReached: boolean;
}

/** Keeps an open checkout's held units, lapsed or not, from being taken back until now + grace. Never shortens a lease. */
export async function renewLease(
  db: Db,
  input: { checkoutId: string; reclaimGraceSeconds: number; holdMaxSeconds: number },
): Promise<LeaseAnswer> {
  const row = await queryOne<{
    payment_intent_id: string | null;
    status: CheckoutStatus;
    renewed: boolean;
    grace_exceeded: boolean;
    hold_max_reached: boolean;
  }>(db, 'select * from renew_lease($1, $2, $3)', [
    input.checkoutId,
    input.reclaimGraceSeconds,
    input.holdMaxSeconds,
  ]);
  return {
    paymentIntentId: row.payment_intent_id,
    status: row.status,
    renewed: row.renewed,
    graceExceeded: row.grace_exceeded,
    holdMaxReached: row.hold_max_reached,
  };
}

/**
 * Before a capture: renews the lease of what is held and takes lost units again if they are free, all lines or none.
 * False: some are gone, or the checkout has closed; nothing was changed.
 * @throws RefusedByDatabaseError `not_found`, `not_bound`.
 */
export async function secureUnits(
  db: Db,
  input: { checkoutId: string; reclaimGraceSeconds: number },
): Promise<boolean> {
  const row = await queryOne<{ is_secured: boolean }>(db, 'select secure_units($1, $2) as is_secured', [
    input.checkoutId,
    input.reclaimGraceSeconds,
  ]);
  return row.is_secured;
}
