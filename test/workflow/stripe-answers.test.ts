// Every call to Stripe meets every kind of answer: under which key the next request goes, who is told, and what has become of
// stock and money. What is expected is spelled here, by hand, beside the table in activities/decisions.ts that it tests.
import { DECISIONS, type StripeCall } from '../../activities/decisions';
import { confirmCheckout } from '../../db/checkouts';
import { requestRefund } from '../../db/refunds';
import type { StripeFailureKind } from '../../platform/stripe-failures';
import { ANSWERS, type SpoiltAnswer } from '../support/stripe-answers';
import { openTill, type Attempt, type Sale, type Till } from '../support/till';

let till: Till;
beforeAll(async () => {
  till = await openTill();
});
afterEach(() => till.clearFaults());
afterAll(() => till?.close());

interface Expected {
  /** The n of every request, in order. */
  keys: number[];
  end: 'done' | 'given_up';
  incidents: string[];
}

const done = (keys: number[], incidents: string[] = []): Expected => ({ keys, end: 'done', incidents });
const givenUp = (...incidents: string[]): Expected => ({ keys: [0], end: 'given_up', incidents });

interface CallUnderTest {
  operation: string;
  /** The step in the Stripe key. */
  step: string;
  prepare: () => Promise<Sale>;
  attempt: Attempt;
  /** What stands in the end: the activity's outcome, and stock and money. */
  ends: { done: [string, object]; given_up: [string, object] };
  /** When the call did not happen; and when it did, where the answer leaves that open. */
  expected: Record<StripeFailureKind, [ifNot: Expected, ifItDid?: Expected]>;
}

const payment = (status: string, captured: number, refunded = 0) => ({
  payments: [{ status, captured, refunded }],
  units_taken: 1,
});

async function create(captureMethod: Sale['captureMethod'] = 'automatic'): Promise<Sale> {
  const sale = await till.reserve(captureMethod);
  const created = await till.activities.createPayment(sale);
  if (created.outcome !== 'bound') throw new Error(`the payment is ${created.outcome}`);
  return { ...sale, paymentIntentId: created.paymentIntentId };
}

async function pay(captureMethod: Sale['captureMethod']): Promise<Sale> {
  const sale = await create(captureMethod);
  await till.stripe.paymentIntents.confirm(sale.paymentIntentId, { payment_method: 'pm_card_visa' });
  return sale;
}

async function decideRefund(): Promise<Sale> {
  const sale = await pay('automatic');
  const { checkoutId, paymentIntentId } = sale;
  await confirmCheckout(till.pool, { checkoutId, paymentIntentId, eventIds: [] });
  const decided = await requestRefund(till.pool, 'operation:1'.concat(checkoutId), {
    checkoutId,
    amountMinor: null,
    returnedLines: [],
    requestedBy: 'operator-7',
    reason: 'a test',
  });
  expect(decided.outcome).toBe('decided');
  return sale;
}

const CALLS: Record<StripeCall, CallUnderTest> = {
  create: {
    operation: 'payment_intents.create',
    step: 'create',
    prepare: () => till.reserve(),
    attempt: (sale, n) => till.activities.createPayment({ ...sale, n }),
    ends: {
      done: ['bound', { ...payment('requires_payment_method', 0), status: 'awaiting_payment' }],
      given_up: ['rejected', { payments: [], units_taken: 1, status: 'opening' }],
    },
    expected: {
      no_reply: [done([0, 0]), done([0, 0])],
      not_executed: [done([0, 0]), done([0, 0])],
      server_error: [done([0, 1]), done([0])],
      unexpected_state: [givenUp('payment_create_rejected')],
      unauthorized: [givenUp('stripe_key_refused')],
      declined: [givenUp('payment_create_rejected')],
      disputed: [givenUp('payment_create_rejected')],
      rejected: [givenUp('payment_create_rejected')],
    },
  },
  read: {
    operation: 'payment_intents.retrieve',
    step: 'none',
    prepare: () => create(),
    attempt: async (sale) => ({ outcome: (await till.activities.readPayment(sale)).status }),
    ends: {
      done: ['requires_payment_method', payment('requires_payment_method', 0)],
      given_up: ['never', {}],
    },
    expected: {
      no_reply: [done([]), done([])],
      not_executed: [done([]), done([])],
      server_error: [done([]), done([])],
      unexpected_state: [done([], ['payment_unreadable'])],
      unauthorized: [done([], ['stripe_key_refused'])],
      declined: [done([], ['payment_unreadable'])],
      disputed: [done([], ['payment_unreadable'])],
      rejected: [done([], ['payment_unreadable'])],
    },
  },
  cancel: {
    operation: 'payment_intents.cancel',
    step: 'cancel',
    prepare: () => create(),
    attempt: (sale, n) => till.activities.endPayment({ ...sale, n, isReleased: false, isVoid: false }),
    ends: { done: ['canceled', payment('canceled', 0)], given_up: ['never', {}] },
    expected: {
      no_reply: [done([0, 0]), done([0])],
      not_executed: [done([0, 0]), done([0])],
      server_error: [done([0, 1]), done([0])],
      unexpected_state: [done([0, 1])],
      unauthorized: [done([0, 0], ['stripe_key_refused'])],
      declined: [done([0, 1], ['payment_end_rejected'])],
      disputed: [done([0, 1], ['payment_end_rejected'])],
      rejected: [done([0, 1], ['payment_end_rejected'])],
    },
  },
  capture: {
    operation: 'payment_intents.capture',
    step: 'capture',
    prepare: () => pay('manual'),
    attempt: (sale, n) => till.activities.capturePayment({ ...sale, n }),
    ends: {
      done: ['captured', payment('succeeded', 2_500)],
      given_up: ['failed', payment('requires_capture', 0)],
    },
    expected: {
      no_reply: [done([0, 0]), done([0])],
      not_executed: [done([0, 0]), done([0, 0])],
      server_error: [done([0, 1]), done([0])],
      unexpected_state: [done([0, 1])],
      unauthorized: [done([0, 0], ['stripe_key_refused'])],
      declined: [givenUp()],
      disputed: [done([0, 1], ['capture_rejected'])],
      rejected: [done([0, 1], ['capture_rejected'])],
    },
  },
  refund: {
    operation: 'refunds.create',
    step: 'refund',
    prepare: decideRefund,
    attempt: ({ checkoutId }) => till.activities.refundPayment({ checkoutId }),
    ends: {
      done: ['done', { ...payment('succeeded', 2_500, 2_500), refunds: 1 }],
      given_up: ['done', { ...payment('succeeded', 2_500, 0), refunds: 0 }],
    },
    expected: {
      no_reply: [done([0, 0]), done([0])],
      not_executed: [done([0, 0]), done([0])],
      server_error: [done([0, 1]), done([0])],
      unexpected_state: [givenUp('refund_failed')],
      unauthorized: [done([0, 0], ['stripe_key_refused'])],
      declined: [givenUp('refund_failed')],
      disputed: [givenUp('refund_failed')],
      rejected: [givenUp('refund_failed')],
    },
  },
};

describe.each(Object.entries(CALLS))('%s', (_call, { operation, step, prepare, attempt, ends, expected }) => {
  test.each(Object.entries(ANSWERS))('%s', async (_answer, { kind, happened, reply }: SpoiltAnswer) => {
    const sale = await prepare();
    await till.fault({ operation, reply, times: 1, effect: happened ? 'executed' : 'none' });
    const driven = await till.drive(sale, attempt);
    const [ifNot, ifItDid] = expected[kind];
    const wanted = happened ? ifItDid : ifNot;
    const [end, state] = ends[wanted?.end ?? 'done'];
    expect(driven).toEqual({
      end,
      keys: wanted?.keys.map((n) => expect.stringMatching(`^${step}:.*\\b${n}$`)),
    });
    expect(await till.look(sale)).toMatchObject({ ...state, incidents: wanted?.incidents });
  });
});

test.each(['amount_too_small', 'amount_too_large'])(
  'create: %s is the order’s fault, and nobody is called',
  async (code) => {
    const sale = await till.reserve();
    const { operation, attempt } = CALLS.create;
    await till.fault({ operation, times: 1, effect: 'none', reply: { status: 400, code } });
    expect(await till.drive(sale, attempt)).toEqual({ end: 'rejected', keys: ['create:0'] });
    expect(await till.look(sale)).toMatchObject({ payments: [], incidents: [] });
  },
);

test.each([
  ['cancel', 'succeeded', 2_500],
  ['capture', 'captured', 2_500],
] as const)(
  '%s: a refusal because somebody was faster is looked into at once',
  async (call, end, captured) => {
    const { operation, prepare, attempt } = CALLS[call];
    const faster =
      call === 'cancel'
        ? { operation: 'payment_intents.confirm', params: { payment_method: 'pm_card_visa' } }
        : { operation: 'payment_intents.capture', params: {} };
    const sale = await prepare();
    await till.fault({ operation, times: 1, meanwhile: faster });
    let attempts = 0;
    const driven = await till.drive(sale, (...args) => {
      attempts += 1;
      return attempt(...args);
    });
    expect(driven).toEqual({ end, keys: [`${call}:0`] });
    expect(attempts).toBe(1);
    expect(await till.look(sale)).toMatchObject({
      payments: [{ status: 'succeeded', captured }],
      incidents: [],
    });
  },
);

test('every row of the table is provoked', () => {
  const provoked = new Set(Object.values(ANSWERS).map(({ kind }) => kind));
  for (const row of Object.values(DECISIONS)) {
    expect(new Set(Object.keys(row))).toEqual(provoked);
  }
  expect(Object.keys(DECISIONS)).toEqual(Object.keys(CALLS));
});
