// The checkout as API, workflow, activities and database speak of it.
import type { ErrorCode } from './errors';
import type { CheckoutStatus, UnpaidStatus } from './statuses';

export interface RequestedLine {
  dropProductId: string;
  quantity: number;
}

/** What starts a checkout workflow. `customerId` is the shop's opaque id; nothing personal enters here. */
export interface CheckoutInput {
  checkoutId: string;
  requestFingerprint: string;
  lines: RequestedLine[];
  customerId: string | null;
}

/** How a refused checkout is named to its buyer; each is an error of the registry. */
export type RefusalCode = Extract<
  ErrorCode,
  | 'insufficient_inventory'
  | 'drop_not_open'
  | 'purchase_limit_reached'
  | 'too_many_open_checkouts'
  | 'unknown_product'
  | 'mixed_currency'
  | 'amount_too_small'
  | 'amount_too_large'
  | 'checkout_not_opened'
  | 'payment_provider_unavailable'
>;

/** Why a checkout did not become an order, beyond its status. Null where the status says it all. */
export type FailureCode =
  | RefusalCode
  | 'card_declined'
  | 'payment_attempts_exhausted'
  | 'payment_intent_canceled'
  | 'payment_unresolved'
  | 'capture_failed'
  | 'sold_out_before_capture'
  | 'sold_out_after_payment';

/** The `open` update's outcome: small, because it stays in history. The row holds the rest. */
export type OpenAnswer =
  | { outcome: 'opened'; requestFingerprint: string }
  | { outcome: 'refused'; requestFingerprint: string; failureCode: FailureCode };

/** What the saga needs to know of a checkout that stands open, frozen by step 1. */
export interface OpenedCheckout {
  amountMinor: number;
  currency: string;
  reservationIds: string[];
  /** The instant of opening by the database's clock, in whole seconds since 1970: where a lost create is looked for. */
  openedAtUnixSeconds: number;
  /** Bound already: this is a repeated run of the saga. */
  paymentIntentId: string | null;
  policy: CheckoutPolicy;
}

/** When the money is taken: as the buyer pays, or in step 4, once the units are known to be there. */
export const CAPTURE_METHODS = ['automatic', 'manual'] as const;
export type CaptureMethod = (typeof CAPTURE_METHODS)[number];

/** The worker's settings at the moment of opening; the run keeps them whatever is deployed later. */
export interface CheckoutPolicy {
  windowSeconds: number;
  paymentAttemptsMax: number;
  reclaimGraceSeconds: number;
  endPaymentPauseMaxSeconds: number;
  captureMethod: CaptureMethod;
}

/** How a checkout run ended: its result in Temporal. */
export interface CheckoutResult {
  status: CheckoutStatus;
  failureCode: FailureCode | null;
  orderId: string | null;
}

/** Why a saga unwinds: the status it closes with once the payment is proven to have ended. */
export interface Unwinding {
  status: UnpaidStatus;
  failureCode: FailureCode | null;
  /** An authorised or processing payment is cancelled as well: its units are gone, or an operator says so. */
  isVoid?: boolean;
}
