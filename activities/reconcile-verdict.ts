// Whether a checkout's row and its payment tell the same story. Pure: what is done about it is elsewhere.
import type { CheckoutStatus } from '../contracts/statuses';

export type Verdict =
  /** Both agree. */
  | 'consistent'
  /** They agree as long as the saga runs; without it settlement finishes the checkout. */
  | 'needs_run'
  /** They do not agree: settlement reads both anew and decides. */
  | 'settle'
  /** An order without its money: only a person can find out why. */
  | 'incident';

/** The payment as read from Stripe; null where the row has none bound. */
export interface ComparedPayment {
  status: string;
  isPaidInFull: boolean;
}

export function compare(status: CheckoutStatus, payment: ComparedPayment | null): Verdict {
  switch (status) {
    case 'opening':
    case 'awaiting_payment':
    case 'payment_processing':
      return payment?.status === 'succeeded' || payment?.status === 'canceled' ? 'settle' : 'needs_run';
    case 'confirmed':
      return payment?.isPaidInFull === true ? 'consistent' : 'incident';
    case 'expired':
    case 'canceled':
    case 'payment_failed':
      return payment === null || payment.status === 'canceled' ? 'consistent' : 'settle';
    case 'refund_pending':
      return 'settle';
    case 'refused':
    case 'refunded':
      return 'consistent';
  }
}
