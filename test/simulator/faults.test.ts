// Faults: each kind, as the SDK sees it, and what the ledger says really happened.

import Stripe from 'stripe';
import { until } from '../support/until';
import { ORDER, rejection, sdk, startTestSimulator } from './support';
import type { TestSimulator } from './support';

let simulator: TestSimulator;
beforeAll(async () => {
  simulator = await startTestSimulator();
});
afterEach(() => simulator.control('DELETE', 'faults'));
afterAll(() => simulator.close());

const fault = (body: object) => simulator.control('POST', 'faults', body);
const count = async () => (await simulator.control('GET', 'ledger')).payment_intents.length;

// The SDK repeats a call once by itself when the connection breaks, so a lost reply takes two faults to be seen.
test.each([
  ['drop', 'none', 2, 0],
  ['drop', 'executed', 2, 1],
  ['truncate', 'none', 1, 0],
  ['truncate', 'executed', 1, 1],
])(
  '%s with effect %s is a connection error; the same key tells what happened',
  async (reply, effect, times, made) => {
    const before = await count();
    const key = { idempotencyKey: `lost:${reply}:${effect}` };
    await fault({ operation: 'payment_intents.create', times, effect, reply });
    const error = await rejection(simulator.stripe.paymentIntents.create(ORDER, key));
    expect(error.type).toBe('StripeConnectionError');
    expect((await count()) - before).toBe(made);
    await simulator.stripe.paymentIntents.create(ORDER, key);
    expect((await count()) - before).toBe(1);
  },
);

test.each([
  ['none', 0],
  ['executed', 1],
])('hang with effect %s runs into the timeout of the client', async (effect, made) => {
  const before = await count();
  const stripe = sdk(simulator.port);
  await fault({ operation: 'payment_intents.create', times: 1, effect, reply: 'hang' });
  const error = await rejection(
    stripe.paymentIntents.create(ORDER, { timeout: 200, idempotencyKey: `h:${effect}` }),
  );
  expect(error.type).toBe('StripeConnectionError');
  expect((await count()) - before).toBe(made);
});

test('a status reply comes with its code; skip lets calls through first', async () => {
  const { stripe } = simulator;
  const paid = await simulator.pay();
  await fault({ operation: 'refunds.create', times: 1, skip: 1, effect: 'none', reply: { status: 429 } });
  await stripe.refunds.create({ payment_intent: paid.id, amount: 100 });
  const error = await rejection(stripe.refunds.create({ payment_intent: paid.id, amount: 100 }));
  expect(error).toMatchObject({ type: 'StripeRateLimitError', statusCode: 429, code: 'lock_timeout' });
  await stripe.refunds.create({ payment_intent: paid.id, amount: 100 });
  expect((await simulator.ledgerOf(paid.id)).refunded).toBe(200);
});

test.each([
  [{ status: 429, code: 'rate_limit' }, { 'stripe-rate-limited-reason': 'endpoint-rate' }],
  [{ status: 429, code: 'lock_timeout' }, { 'stripe-rate-limited-reason': undefined }],
  [{ status: 429, should_retry: true }, { 'stripe-should-retry': 'true' }],
  [{ status: 500, should_retry: false }, { 'stripe-should-retry': 'false' }],
  [{ status: 401 }, { 'stripe-should-retry': undefined }],
  [{ status: 403 }, { 'stripe-should-retry': undefined }],
])('the reply %j has the headers %j', async (reply, headers) => {
  await fault({ operation: 'payment_intents.create', times: 1, effect: 'none', reply });
  const error = await rejection(simulator.stripe.paymentIntents.create(ORDER));
  expect(error.statusCode).toBe(reply.status);
  for (const [name, value] of Object.entries(headers)) expect(error.headers?.[name]).toBe(value);
});

test('a 429 that asks for it is retried by an SDK that retries; one that does not is not', async () => {
  const stripe = new Stripe('sk_test_simulator', {
    host: '127.0.0.1',
    port: simulator.port,
    protocol: 'http',
    maxNetworkRetries: 1,
    telemetry: false,
  });
  const operation = 'payment_intents.create';
  await fault({ operation, times: 1, effect: 'none', reply: { status: 429, should_retry: true } });
  expect((await stripe.paymentIntents.create(ORDER)).object).toBe('payment_intent');
  await fault({ operation, times: 1, effect: 'none', reply: { status: 429 } });
  expect((await rejection(stripe.paymentIntents.create(ORDER))).statusCode).toBe(429);
});

test('every operation of the control plane’s table can be spoilt', async () => {
  const ofIntents = ['create', 'retrieve', 'confirm', 'cancel', 'capture', 'list'];
  const names = [
    ...ofIntents.map((name) => `payment_intents.${name}`),
    'refunds.create',
    'refunds.list',
    'events.list',
    '*',
  ];
  for (const operation of names) {
    await fault({ operation, times: 1, skip: 0, effect: 'executed', latency_ms: 0, latency_after_ms: 0 });
  }
  const { faults } = await simulator.control('GET', 'faults');
  expect(faults.map(({ operation }) => operation)).toEqual(names);
});

test.each([
  ['refunds.create', { amount: 500 }, 'refunded', 500],
  ['payment_intents.dispute', {}, 'status', 'succeeded'],
])('meanwhile: %s comes before the call', async (operation, params, field, value) => {
  const paid = await simulator.pay();
  await fault({
    operation: 'payment_intents.retrieve',
    times: 1,
    effect: 'executed',
    meanwhile: { operation, params },
  });
  await simulator.stripe.paymentIntents.retrieve(paid.id);
  expect(await simulator.ledgerOf(paid.id)).toMatchObject({ [field]: value });
  const disputes = (await simulator.stripe.disputes.list({ payment_intent: paid.id })).data;
  expect(disputes).toHaveLength(operation.endsWith('dispute') ? 1 : 0);
});

test('a faulted state error carries the PaymentIntent', async () => {
  const { id } = await simulator.stripe.paymentIntents.create(ORDER);
  await fault({
    operation: 'payment_intents.cancel',
    times: 1,
    effect: 'none',
    reply: { status: 400, code: 'payment_intent_unexpected_state' },
  });
  const error = await rejection(simulator.stripe.paymentIntents.cancel(id));
  expect(error).toMatchObject({ code: 'payment_intent_unexpected_state', payment_intent: { id } });
});

test('meanwhile: the buyer pays while the cancel is on its way', async () => {
  const { id } = await simulator.stripe.paymentIntents.create(ORDER);
  await fault({
    operation: 'payment_intents.cancel',
    times: 1,
    effect: 'executed',
    meanwhile: { operation: 'payment_intents.confirm', params: { payment_method: 'pm_card_visa' } },
  });
  const error = await rejection(simulator.stripe.paymentIntents.cancel(id));
  expect(error).toMatchObject({
    code: 'payment_intent_unexpected_state',
    payment_intent: { status: 'succeeded', amount_received: 2_500 },
  });
  expect(await simulator.ledgerOf(id)).toMatchObject({ status: 'succeeded', captured: 2_500 });
});

test('latency before execution delays the effect, latency after only the answer', async () => {
  const { stripe } = simulator;
  const { id } = await stripe.paymentIntents.create(ORDER);
  await fault({ operation: 'payment_intents.cancel', times: 1, latency_after_ms: 400 });
  let isAnswered = false;
  const slow = stripe.paymentIntents.cancel(id).then(() => {
    isAnswered = true;
  });
  await until('the effect', async () => (await simulator.ledgerOf(id)).status === 'canceled');
  expect(isAnswered).toBe(false);
  await slow;

  const late = await stripe.paymentIntents.create(ORDER);
  await fault({ operation: 'payment_intents.cancel', times: 1, latency_ms: 300 });
  const startedMs = Date.now();
  const canceled = stripe.paymentIntents.cancel(late.id);
  expect((await simulator.ledgerOf(late.id)).status).toBe('requires_payment_method');
  await canceled;
  expect(Date.now() - startedMs).toBeGreaterThanOrEqual(290);
});

test('a match spoils one checkout and leaves the others alone', async () => {
  const { stripe } = simulator;
  const mine = { ...ORDER, metadata: { checkout_id: 'mine' } };
  await fault({
    operation: '*',
    times: 100,
    effect: 'none',
    reply: { status: 503 },
    match: { metadata: { checkout_id: 'mine' } },
  });
  expect((await rejection(stripe.paymentIntents.create(mine))).statusCode).toBe(503);
  await stripe.paymentIntents.create({ ...ORDER, metadata: { checkout_id: 'other' } });
});

test('faults are listed with their use, and cleared', async () => {
  await fault({ operation: 'payment_intents.create', times: 3, effect: 'none', reply: { status: 502 } });
  await rejection(simulator.stripe.paymentIntents.create(ORDER));
  expect((await simulator.control('GET', 'faults')).faults).toMatchObject([
    { operation: 'payment_intents.create', applied: 1 },
  ]);
  await simulator.control('DELETE', 'faults');
  await simulator.stripe.paymentIntents.create(ORDER);
});

test.each([
  [{}, 'operation'],
  [{ operation: 'payment_intents.explode' }, 'operation'],
  [{ operation: '*', effect: 'none' }, 'reply'],
  [{ operation: '*', effect: 'sometimes' }, 'effect'],
  [{ operation: '*', times: 0 }, 'times'],
  [{ operation: '*', reply: { status: 200 } }, 'reply[status]'],
  [{ operation: '*', latencyMs: 5 }, 'latencyMs'],
])('a wrong fault %j is refused by name', async (body, param) => {
  expect((await fault(body)).error).toMatchObject({ param });
});
