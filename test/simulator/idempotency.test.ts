// Idempotency keys: what is replayed, what is refused, what is executed again.

import { control, ORDER, rejection, sdk, startTestSimulator } from './support';
import type { TestSimulator } from './support';

let simulator: TestSimulator;
beforeAll(async () => {
  simulator = await startTestSimulator();
});
afterEach(() => simulator.control('DELETE', 'faults'));
afterAll(() => simulator.close());

let keys = 0;
function newKey(): { idempotencyKey: string } {
  keys += 1;
  return { idempotencyKey: `test:key:${keys}` };
}

test('the same key twice is one PaymentIntent, and the second answer says it is a replay', async () => {
  const { stripe } = simulator;
  const key = newKey();
  const first = await stripe.paymentIntents.create(ORDER, key);
  const second = await stripe.paymentIntents.create(ORDER, key);
  expect(second.id).toBe(first.id);
  expect(first.lastResponse.headers).not.toHaveProperty('idempotent-replayed');
  expect(second.lastResponse.headers).toMatchObject({
    'idempotent-replayed': 'true',
    'original-request': first.lastResponse.requestId,
    'idempotency-key': key.idempotencyKey,
    'stripe-version': '2026-10-28.endive',
  });
  expect(second.lastResponse.requestId).not.toBe(first.lastResponse.requestId);
});

test('the order of parameters does not matter, their values do', async () => {
  const { stripe } = simulator;
  const key = newKey();
  const first = await stripe.paymentIntents.create(
    { amount: 900, currency: 'usd', metadata: { a: '1', b: '2' } },
    key,
  );
  const same = await stripe.paymentIntents.create(
    { metadata: { b: '2', a: '1' }, currency: 'usd', amount: 900 },
    key,
  );
  expect(same.id).toBe(first.id);
  const other = await rejection(stripe.paymentIntents.create({ amount: 901, currency: 'usd' }, key));
  expect(other).toMatchObject({
    type: 'StripeIdempotencyError',
    statusCode: 400,
    rawType: 'idempotency_error',
  });
  expect(other.message).toContain('Keys for idempotent requests can only be used with the same parameters');
  const elsewhere = await rejection(stripe.paymentIntents.cancel(first.id, {}, key));
  expect(elsewhere.rawType).toBe('idempotency_error');
  expect((await stripe.paymentIntents.retrieve(first.id)).status).toBe('requires_payment_method');
});

test('a decline and a refused cancel are kept and replayed', async () => {
  const { stripe } = simulator;
  const { id } = await stripe.paymentIntents.create(ORDER);
  const declineKey = newKey();
  const declined = { payment_method: 'pm_card_visa_chargeDeclined' };
  const first = await rejection(stripe.paymentIntents.confirm(id, declined, declineKey));
  const replay = await rejection(stripe.paymentIntents.confirm(id, declined, declineKey));
  expect(replay).toMatchObject({ statusCode: 402, charge: first.charge });
  expect(replay.headers).toMatchObject({ 'idempotent-replayed': 'true' });
  expect((await stripe.charges.list({ payment_intent: id })).data).toHaveLength(1);

  await stripe.paymentIntents.confirm(id, { payment_method: 'pm_card_visa', capture_method: 'manual' });
  const captureKey = newKey();
  const paid = await simulator.pay();
  const refused = await rejection(stripe.paymentIntents.cancel(paid.id, {}, captureKey));
  const again = await rejection(stripe.paymentIntents.cancel(paid.id, {}, captureKey));
  expect(refused.code).toBe('payment_intent_unexpected_state');
  expect(again.headers).toMatchObject({ 'idempotent-replayed': 'true' });
});

test('a refused cancel stays refused under its key even when it would work by now', async () => {
  const { stripe } = simulator;
  const paying = await simulator.pay('pm_usBankAccount_success', {
    allowed_payment_method_types: ['us_bank_account'],
  });
  const key = newKey();
  await rejection(stripe.paymentIntents.cancel(paying.id, {}, key));
  await simulator.control('POST', `payment_intents/${paying.id}/fail_processing`);
  const replay = await rejection(stripe.paymentIntents.cancel(paying.id, {}, key));
  expect(replay.payment_intent).toMatchObject({ status: 'processing' });
  expect((await stripe.paymentIntents.cancel(paying.id, {}, newKey())).status).toBe('canceled');
});

test('bad input is not kept: the corrected call may use the key', async () => {
  const { stripe } = simulator;
  const key = newKey();
  const wrong = await rejection(stripe.paymentIntents.create({ amount: 1, currency: 'usd' }, key));
  expect(wrong.code).toBe('amount_too_small');
  expect((await stripe.paymentIntents.create(ORDER, key)).object).toBe('payment_intent');
});

test('a 500 is kept whether or not the call was executed', async () => {
  const { stripe } = simulator;
  for (const effect of ['none', 'executed']) {
    const before = (await control(simulator.url, 'GET', 'ledger')).payment_intents.length;
    await simulator.control('POST', 'faults', {
      operation: 'payment_intents.create',
      times: 1,
      effect,
      reply: { status: 500 },
    });
    const key = newKey();
    const first = await rejection(stripe.paymentIntents.create(ORDER, key));
    expect(first).toMatchObject({ type: 'StripeAPIError', statusCode: 500, rawType: 'api_error' });
    const replay = await rejection(stripe.paymentIntents.create(ORDER, key));
    expect(replay).toMatchObject({ statusCode: 500, headers: { 'idempotent-replayed': 'true' } });
    const after = (await control(simulator.url, 'GET', 'ledger')).payment_intents.length;
    expect(after - before).toBe(effect === 'none' ? 0 : 1);
    await stripe.paymentIntents.create(ORDER, newKey());
  }
});

test.each([409, 429, 503])('a %s is not kept: the same key is executed afterwards, once', async (status) => {
  const { stripe } = simulator;
  const fault = { operation: 'payment_intents.create', times: 1, effect: 'none', reply: { status } };
  await simulator.control('POST', 'faults', fault);
  const key = newKey();
  expect((await rejection(stripe.paymentIntents.create(ORDER, key))).statusCode).toBe(status);
  const first = await stripe.paymentIntents.create(ORDER, key);
  expect((await stripe.paymentIntents.create(ORDER, key)).id).toBe(first.id);
});

test('a second call while the first is in flight is a 409', async () => {
  const { stripe } = simulator;
  await simulator.control('POST', 'faults', {
    operation: 'payment_intents.create',
    times: 1,
    latency_ms: 400,
  });
  const key = newKey();
  const both = await Promise.allSettled([
    stripe.paymentIntents.create(ORDER, key),
    sdk(simulator.port).paymentIntents.create(ORDER, key),
  ]);
  const [failed] = both.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
  expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  expect(failed?.reason).toMatchObject({
    type: 'StripeAPIError',
    statusCode: 409,
    code: 'idempotency_key_in_use',
  });
  const [done] = both.filter(({ status }) => status === 'fulfilled') as PromiseFulfilledResult<{
    id: string;
  }>[];
  expect((await stripe.paymentIntents.create(ORDER, key)).id).toBe(done?.value.id);
});

test('a key is forgotten after 24 hours on the simulator clock', async () => {
  const { stripe } = simulator;
  const key = newKey();
  const first = await stripe.paymentIntents.create(ORDER, key);
  await simulator.control('POST', 'clock', { advance_seconds: 86_400 - 10 });
  expect((await stripe.paymentIntents.create(ORDER, key)).id).toBe(first.id);
  await simulator.control('POST', 'clock', { advance_seconds: 20 });
  expect((await stripe.paymentIntents.create(ORDER, key)).id).not.toBe(first.id);
});

test('a key longer than 255 characters is refused', async () => {
  const error = await rejection(
    simulator.stripe.paymentIntents.create(ORDER, { idempotencyKey: 'k'.repeat(256) }),
  );
  expect(error.statusCode).toBe(400);
});
