// Row, workflow result and payment of a closed checkout: what agrees, what settlement mends, what a person must explain.
import {
  compareThree,
  type ClosedRow,
  type PaymentFacts,
  type RunState,
} from '../../activities/triple-verdict';
import type { CheckoutStatus } from '../../contracts/statuses';

const ORDER = 'order-1';
const row = (status: CheckoutStatus, more: Partial<ClosedRow> = {}): ClosedRow => ({
  status,
  failureCode: null,
  orderId: status === 'confirmed' ? ORDER : null,
  givenBackMinor: 0,
  ...more,
});
const ended = (status: CheckoutStatus, orderId: string | null = null): RunState => ({
  state: 'completed',
  result: { status, failureCode: null, orderId },
});
const paid: PaymentFacts = { status: 'succeeded', isPaidInFull: true, receivedMinor: 100, givenBackMinor: 0 };
const refunded: PaymentFacts = { ...paid, givenBackMinor: 100 };
const canceled: PaymentFacts = {
  status: 'canceled',
  isPaidInFull: false,
  receivedMinor: 0,
  givenBackMinor: 0,
};
const payable: PaymentFacts = { ...canceled, status: 'requires_payment_method' };

const unknown: RunState = { state: 'unknown' };

test.each<[string, ClosedRow, RunState, PaymentFacts | null]>([
  ['sold', row('confirmed'), ended('confirmed', ORDER), paid],
  ['sold, and its run is forgotten', row('confirmed'), unknown, paid],
  ['sold by settlement after a terminated run', row('confirmed'), { state: 'without_result' }, paid],
  ['expired', row('expired'), ended('expired'), canceled],
  ['late money: expired, then confirmed', row('confirmed'), ended('expired'), paid],
  ['late money that went back', row('refunded', { givenBackMinor: 100 }), ended('expired'), refunded],
  ['lost race, refunded', row('refunded', { givenBackMinor: 100 }), ended('refund_pending'), refunded],
  ['refunded in part', row('confirmed', { givenBackMinor: 30 }), unknown, { ...paid, givenBackMinor: 30 }],
  ['refused', row('refused'), ended('refused'), null],
  [
    'given up without proof, and still asked about',
    row('expired', { failureCode: 'payment_unresolved' }),
    { state: 'running' },
    canceled,
  ],
])('%s: consistent', (_what, found, run, payment) => {
  expect(compareThree(found, run, payment)).toEqual({ needsSettlement: false, findings: [] });
});

test.each<[string, ClosedRow, RunState, PaymentFacts | null]>([
  ['expired, and paid since', row('expired'), ended('expired'), paid],
  ['canceled, and still payable', row('canceled'), ended('canceled'), payable],
  [
    'a refund that nobody wrote down',
    row('confirmed'),
    ended('confirmed', ORDER),
    { ...paid, givenBackMinor: 40 },
  ],
  ['a refund that is owed', row('refund_pending'), ended('refund_pending'), paid],
])('%s: settlement', (_what, found, run, payment) => {
  expect(compareThree(found, run, payment)).toEqual({ needsSettlement: true, findings: [] });
});

test.each<[string, ClosedRow, RunState, PaymentFacts | null, string]>([
  ['another order', row('confirmed'), ended('confirmed', 'order-2'), paid, 'result_contradicts_row'],
  ['confirmed, then expired', row('expired'), ended('confirmed', ORDER), canceled, 'result_contradicts_row'],
  ['refunded, then expired', row('expired'), ended('refund_pending'), canceled, 'result_contradicts_row'],
  ['refused, then confirmed', row('confirmed'), ended('refused'), paid, 'result_contradicts_row'],
  ['a run that goes on', row('confirmed'), { state: 'running' }, paid, 'run_outlives_checkout'],
  ['an order unpaid', row('confirmed'), unknown, canceled, 'order_without_money'],
  ['an order without payment', row('confirmed'), unknown, null, 'order_without_money'],
  ['money kept after a refund', row('refunded'), unknown, paid, 'money_without_order'],
])('%s: a person', (_what, found, run, payment, finding) => {
  expect(compareThree(found, run, payment).findings).toEqual([finding]);
});
