// Every status of a checkout against every state of its payment.
import { compare, type ComparedPayment, type Verdict } from '../../activities/reconcile-verdict';
import type { CheckoutStatus } from '../../contracts/statuses';

const paid: ComparedPayment = { status: 'succeeded', isPaidInFull: true };
const paidOther: ComparedPayment = { status: 'succeeded', isPaidInFull: false };
const canceled: ComparedPayment = { status: 'canceled', isPaidInFull: false };
const payable: ComparedPayment = { status: 'requires_payment_method', isPaidInFull: false };

const authorised: ComparedPayment = { status: 'requires_capture', isPaidInFull: false };

test.each<[CheckoutStatus, ComparedPayment | null, Verdict]>([
  ['opening', null, 'needs_run'],
  ['awaiting_payment', payable, 'needs_run'],
  ['awaiting_payment', authorised, 'needs_run'],
  ['awaiting_payment', paid, 'settle'],
  ['awaiting_payment', canceled, 'settle'],
  ['payment_processing', paid, 'settle'],
  ['confirmed', paid, 'consistent'],
  ['confirmed', paidOther, 'incident'],
  ['confirmed', canceled, 'incident'],
  ['confirmed', authorised, 'incident'],
  ['confirmed', null, 'incident'],
  ['expired', canceled, 'consistent'],
  ['expired', paid, 'settle'],
  ['expired', payable, 'settle'],
  ['expired', authorised, 'settle'],
  ['canceled', paid, 'settle'],
  ['canceled', authorised, 'settle'],
  ['payment_failed', payable, 'settle'],
  ['refund_pending', paid, 'settle'],
  ['refunded', paid, 'consistent'],
  ['refused', null, 'consistent'],
])('%s with %j: %s', (status, payment, verdict) => {
  expect(compare(status, payment)).toBe(verdict);
});
