// Whether a closed checkout's row, its run's result and its payment tell the same story. Pure: what is done is elsewhere.
import type { CheckoutResult } from '../contracts/checkout';
import type { CheckoutStatus } from '../contracts/statuses';

/** The run as Temporal knows it. */
export type RunState =
  | { state: 'completed'; result: CheckoutResult }
  | { state: 'running' }
  /** Terminated, failed or canceled: it left no result. */
  | { state: 'without_result' }
  /** Beyond Temporal's retention. */
  | { state: 'unknown' };

export interface ClosedRow {
  status: CheckoutStatus;
  failureCode: string | null;
  orderId: string | null;
  /** What refunds of any origin, but for failed ones, give back by our rows. */
  givenBackMinor: number;
}

/** Null where no PaymentIntent is bound. */
export interface PaymentFacts {
  status: string;
  isPaidInFull: boolean;
  receivedMinor: number;
  /** What refunds at Stripe, but for failed ones, give back. */
  givenBackMinor: number;
}

/** The incident kinds; docs/operations.md says what to do about each. */
export const TRIPLE_FINDINGS = [
  'result_contradicts_row',
  'run_outlives_checkout',
  'order_without_money',
  'money_without_order',
] as const;
export type TripleFinding = (typeof TRIPLE_FINDINGS)[number];

export interface TripleVerdict {
  /** Settlement reads both anew, and writes down or decides what is missing. */
  needsSettlement: boolean;
  findings: TripleFinding[];
}

export function compareThree(row: ClosedRow, run: RunState, payment: PaymentFacts | null): TripleVerdict {
  const findings: TripleFinding[] = [];
  if (run.state === 'completed' && !leadsTo(run.result, row)) findings.push('result_contradicts_row');
  if (run.state === 'running' && row.failureCode !== 'payment_unresolved')
    findings.push('run_outlives_checkout');
  const kept = payment === null ? 0 : payment.receivedMinor - payment.givenBackMinor;
  if (row.status === 'confirmed' && payment?.isPaidInFull !== true) findings.push('order_without_money');
  if ((row.status === 'refunded' || row.status === 'refused') && kept !== 0)
    findings.push('money_without_order');
  const isUnpaid = row.status === 'expired' || row.status === 'canceled' || row.status === 'payment_failed';
  const isUntold = payment !== null && payment.givenBackMinor !== row.givenBackMinor;
  const isUnsettled = isUnpaid && payment !== null && payment.status !== 'canceled';
  return { needsSettlement: row.status === 'refund_pending' || isUntold || isUnsettled, findings };
}

const UNPAID: readonly CheckoutStatus[] = ['expired', 'canceled', 'payment_failed'];
const AFTER_UNPAID: readonly CheckoutStatus[] = ['confirmed', 'refund_pending', 'refunded'];

/** The same, or what settlement may have made of it since. */
function leadsTo(result: CheckoutResult, row: ClosedRow): boolean {
  if (result.status === row.status) {
    return (
      result.failureCode === row.failureCode && (result.orderId === null || result.orderId === row.orderId)
    );
  }
  if (result.status === 'refund_pending') return row.status === 'refunded';
  return UNPAID.includes(result.status) && AFTER_UNPAID.includes(row.status);
}
