// The words of the domain's life cycles, and which status follows which. The database's triggers enforce the same table.

export const CHECKOUT_STATUSES = [
  'opening',
  'awaiting_payment',
  'payment_processing',
  'confirmed',
  'expired',
  'canceled',
  'payment_failed',
  'refused',
  'refund_pending',
  'refunded',
] as const;
export type CheckoutStatus = (typeof CHECKOUT_STATUSES)[number];

/** Every allowed move. `expired`, `canceled` and `payment_failed` move on through settlement only. */
export const CHECKOUT_TRANSITIONS: Readonly<Record<CheckoutStatus, readonly CheckoutStatus[]>> = {
  opening: ['awaiting_payment', 'refused'],
  awaiting_payment: [
    'payment_processing',
    'confirmed',
    'expired',
    'canceled',
    'payment_failed',
    'refund_pending',
  ],
  payment_processing: [
    'awaiting_payment',
    'confirmed',
    'expired',
    'canceled',
    'payment_failed',
    'refund_pending',
  ],
  confirmed: [],
  expired: ['confirmed', 'refund_pending'],
  canceled: ['confirmed', 'refund_pending'],
  payment_failed: ['confirmed', 'refund_pending'],
  refused: [],
  refund_pending: ['refunded'],
  refunded: [],
};

/** Statuses in which the saga still runs; all others are closed to it. */
export const OPEN_CHECKOUT_STATUSES = [
  'opening',
  'awaiting_payment',
  'payment_processing',
] as const satisfies readonly CheckoutStatus[];

export function isOpenCheckoutStatus(status: CheckoutStatus): boolean {
  return (OPEN_CHECKOUT_STATUSES as readonly CheckoutStatus[]).includes(status);
}

/** How a checkout that was not paid may close. */
export type UnpaidStatus = 'expired' | 'canceled' | 'payment_failed' | 'refused';

export const RESERVATION_STATUSES = ['held', 'confirmed', 'released', 'expired'] as const;
export type ReservationStatus = (typeof RESERVATION_STATUSES)[number];

export const ORDER_STATUSES = ['paid', 'partially_refunded', 'refunded'] as const;
export type OrderStatus = (typeof ORDER_STATUSES)[number];
