// Settings: rate limits, locks and whatever Stripe leaves open, each seen from outside.

import { until } from '../support/until';
import { ORDER, rejection, sdk, startReceiver, startTestSimulator } from './support';
import type { TestSimulator } from './support';

let simulator: TestSimulator;
beforeEach(async () => {
  simulator = await startTestSimulator();
});
afterEach(() => simulator.close());

const set = (settings: object) => simulator.control('POST', 'settings', settings);

test('calls beyond the limit of an endpoint get 429 with the limiter’s name, and are not executed', async () => {
  const { stripe } = simulator;
  await set({ requests_per_second_per_endpoint: 3 });
  const results = await Promise.allSettled(
    Array.from({ length: 10 }, (_, n) =>
      stripe.paymentIntents.create(ORDER, { idempotencyKey: `limited:${n}` }),
    ),
  );
  const refused = results.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
  const made = results.length - refused.length;
  expect(refused.length).toBeGreaterThan(0);
  expect((await simulator.control('GET', 'ledger')).payment_intents).toHaveLength(made);
  expect(refused[0]?.reason).toMatchObject({
    type: 'StripeRateLimitError',
    statusCode: 429,
    code: 'rate_limit',
    headers: { 'stripe-rate-limited-reason': 'endpoint-rate' },
  });
  await until('the next second', async () => {
    const again = await stripe.paymentIntents
      .create(ORDER, { idempotencyKey: 'limited:9' })
      .catch(() => null);
    return again !== null;
  });
});

test('limits of the account and of one PaymentIntent have names of their own', async () => {
  const { stripe } = simulator;
  const { id } = await stripe.paymentIntents.create(ORDER);
  const other = await stripe.paymentIntents.create(ORDER);
  await set({ updates_per_payment_intent_per_hour: 2 });
  for (const n of ['1', '2']) await stripe.paymentIntents.update(id, { metadata: { n } });
  const third = await rejection(stripe.paymentIntents.cancel(id));
  expect(third).toMatchObject({
    code: 'rate_limit',
    headers: { 'stripe-rate-limited-reason': 'resource-specific' },
  });
  expect((await stripe.paymentIntents.retrieve(id)).status).toBe('requires_payment_method');
  expect((await stripe.paymentIntents.cancel(other.id)).status).toBe('canceled');
  await set({ updates_per_payment_intent_per_hour: 0, requests_per_second: 1 });
  const calls = await Promise.allSettled(Array.from({ length: 10 }, () => stripe.events.list()));
  const refused = calls.find(({ status }) => status === 'rejected') as PromiseRejectedResult;
  expect(refused.reason).toMatchObject({ headers: { 'stripe-rate-limited-reason': 'global-rate' } });
});

test('with locks on, the second change at once is 429 lock_timeout without that header, and not executed', async () => {
  const { stripe } = simulator;
  await set({ object_locks: 'on' });
  const { id } = await stripe.paymentIntents.create(ORDER);
  await simulator.control('POST', 'faults', {
    operation: 'payment_intents.confirm',
    times: 1,
    effect: 'executed',
    latency_ms: 600,
  });
  const paying = stripe.paymentIntents.confirm(id, { payment_method: 'pm_card_visa' });
  await until('the confirm', async () => (await simulator.control('GET', 'faults')).faults[0]?.applied === 1);
  const key = { idempotencyKey: 'lock:cancel' };
  const refused = await rejection(sdk(simulator.port).paymentIntents.cancel(id, {}, key));
  expect(refused).toMatchObject({ statusCode: 429, code: 'lock_timeout' });
  expect(refused.headers).not.toHaveProperty('stripe-rate-limited-reason');
  expect((await stripe.paymentIntents.retrieve(id)).status).toBe('requires_payment_method');
  expect((await paying).status).toBe('succeeded');
  const after = await rejection(stripe.paymentIntents.cancel(id, {}, key));
  expect(after.code).toBe('payment_intent_unexpected_state');
});

test('a young PaymentIntent is missing from lists for as long as the setting says', async () => {
  const { stripe } = simulator;
  await set({ list_lag_seconds: 60 });
  const { id } = await stripe.paymentIntents.create(ORDER);
  expect((await stripe.paymentIntents.list()).data).toEqual([]);
  expect((await stripe.paymentIntents.retrieve(id)).id).toBe(id);
  await simulator.control('POST', 'clock', { advance_seconds: 60 });
  expect((await stripe.paymentIntents.list()).data.map((intent) => intent.id)).toEqual([id]);
});

test('the 409 of a key in flight has the type that is set', async () => {
  const { stripe } = simulator;
  await set({ conflict_type: 'idempotency_error' });
  await simulator.control('POST', 'faults', {
    operation: 'payment_intents.create',
    times: 1,
    latency_ms: 400,
  });
  const key = { idempotencyKey: 'conflict:1' };
  const first = stripe.paymentIntents.create(ORDER, key);
  await until(
    'the first call',
    async () => (await simulator.control('GET', 'faults')).faults[0]?.applied === 1,
  );
  const second = await rejection(sdk(simulator.port).paymentIntents.create(ORDER, key));
  expect(second).toMatchObject({
    statusCode: 409,
    rawType: 'idempotency_error',
    code: 'idempotency_key_in_use',
  });
  await first;
});

test('a bank debit settles by itself when told to, except the account that never does', async () => {
  const bank = { allowed_payment_method_types: ['us_bank_account'] };
  await set({ processing_seconds: 3_600, processing_cancel: 'allow' });
  const paying = await simulator.pay('pm_usBankAccount_success', bank);
  const broke = await simulator.pay('pm_usBankAccount_insufficientFunds', bank);
  const stuck = await simulator.pay('pm_usBankAccount_processing', bank);
  await simulator.control('POST', 'clock', { advance_seconds: 3_600 });
  expect(await simulator.ledgerOf(paying.id)).toMatchObject({ status: 'succeeded', captured: 2_500 });
  expect(await simulator.ledgerOf(broke.id)).toMatchObject({
    status: 'requires_payment_method',
    captured: 0,
  });
  expect((await simulator.ledgerOf(stuck.id)).status).toBe('processing');
  expect((await simulator.stripe.paymentIntents.cancel(stuck.id)).status).toBe('canceled');
});

test('deliveries are retried as often as set, and given up after the last', async () => {
  const receiver = await startReceiver([500, 500, 500]);
  await set({ webhook_retry_seconds: [10] });
  await simulator.stripe.webhookEndpoints.create({ url: receiver.url, enabled_events: ['*'] });
  await simulator.stripe.paymentIntents.create(ORDER);
  const state = async () => (await simulator.control('GET', 'deliveries')).undelivered[0];
  await until('the first attempt', async () => (await state())?.attempts === 1);
  await simulator.control('POST', 'clock', { advance_seconds: 10 });
  await until('giving up', async () => (await state())?.state === 'failed');
  expect(receiver.received).toHaveLength(2);
  await receiver.close();
});

test.each([
  [{ confirm_limit: 0 }, 'confirm_limit'],
  [{ webhook_retry_seconds: [1, -1] }, 'webhook_retry_seconds[1]'],
  [{ object_locks: 'maybe' }, 'object_locks'],
  [{ no_such_setting: 1 }, 'no_such_setting'],
])('the setting %j is refused by name and changes nothing', async (wrong, param) => {
  const before = await simulator.control('GET', 'settings');
  expect((await set(wrong)).error).toMatchObject({ param });
  expect(await simulator.control('GET', 'settings')).toEqual(before);
});
