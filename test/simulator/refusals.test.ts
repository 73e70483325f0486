// What must never get in, and what must never be written down: live keys, real cards; and the envelope around every refusal.

import { SECRET_KEY } from '../../local/stripe-simulator';
import { startTestSimulator } from './support';
import type { TestSimulator } from './support';

const REAL_LOOKING = '4111111111111111';
const LIVE = ['sk_live_51Hsecret', 'rk_live_51Hsecret', 'pk_live_51Hsecret'];

let simulator: TestSimulator;
let written: string[];
beforeEach(async () => {
  written = [];
  const note = (fields: object, message: string) => {
    const { err } = fields as { err?: { message?: string; stack?: string } };
    written.push(`${message} ${JSON.stringify(fields)} ${err?.message} ${err?.stack}`);
  };
  simulator = await startTestSimulator({ info: note, warn: note, error: note });
});
afterEach(() => simulator.close());

async function call(path: string, init: RequestInit = {}) {
  const headers = { authorization: `Bearer ${SECRET_KEY}`, ...(init.headers as Record<string, string>) };
  const response = await fetch(`${simulator.url}${path}`, { ...init, headers });
  return { status: response.status, text: await response.text() };
}

const form = (parameters: Record<string, string>): RequestInit => ({
  method: 'POST',
  body: new URLSearchParams(parameters),
});

test.each(LIVE)(
  'the live key %s is refused as bearer, as basic and as parameter, and repeated nowhere',
  async (key) => {
    const basic = `Basic ${Buffer.from(`${key}:`).toString('base64')}`;
    for (const { status, text } of [
      await call('/v1/payment_intents', { headers: { authorization: `Bearer ${key}` } }),
      await call('/v1/payment_intents', { headers: { authorization: basic } }),
      await call(`/v1/payment_intents?key=${key}`, { headers: { authorization: '' } }),
    ]) {
      expect(status).toBe(401);
      expect(JSON.parse(text)).toMatchObject({ error: { type: 'invalid_request_error' } });
      expect(text).toContain('live keys are refused');
      expect(text).not.toContain(key);
    }
    expect(written.join()).not.toContain(key);
    expect((await simulator.control('GET', 'ledger')).payment_intents).toEqual([]);
  },
);

test('a number outside the test list is refused wherever it stands, and is neither sent back nor written down', async () => {
  const { id } = await simulator.stripe.paymentIntents.create({ amount: 2_500, currency: 'usd' });
  await simulator.control('POST', 'faults', {
    operation: 'payment_intents.retrieve',
    effect: 'executed',
    meanwhile: { operation: 'payment_intents.confirm', params: { payment_method: REAL_LOOKING } },
  });
  const spaced = '4111 1111 1111 1111';
  const refused = [
    await call(
      `/v1/payment_intents/${id}/confirm`,
      form({ 'payment_method_data[type]': 'card', 'payment_method_data[card][number]': spaced }),
    ),
    await call('/v1/payment_methods', form({ type: 'card', 'card[number]': REAL_LOOKING })),
    await call(`/v1/payment_intents/${id}/confirm`, form({ payment_method: REAL_LOOKING })),
    await call('/v1/payment_intents', form({ amount: `x${REAL_LOOKING}`, currency: 'usd' })),
    await call(`/v1/payment_methods/${REAL_LOOKING}`),
    await call(`/v1/cards/${REAL_LOOKING}`, { method: 'DELETE' }),
  ];
  await simulator.stripe.paymentIntents.retrieve(id);
  const requests = JSON.stringify(await simulator.control('GET', 'requests'));
  for (const { status, text } of refused) {
    expect(status).toBeGreaterThanOrEqual(400);
    expect(JSON.parse(text)).toHaveProperty('error.message');
    for (const number of [REAL_LOOKING, spaced]) expect(text).not.toContain(number);
  }
  for (const number of [REAL_LOOKING, spaced]) expect(written.join() + requests).not.toContain(number);
  expect(await simulator.ledgerOf(id)).toMatchObject({ status: 'requires_payment_method', captured: 0 });
});

test('a failure of the simulator itself is logged without the number that caused it', async () => {
  await simulator.control('POST', 'faults', {
    operation: 'payment_intents.create',
    effect: 'executed',
    meanwhile: { operation: `payment_intents.${REAL_LOOKING}`, params: {} },
  });
  await simulator.stripe.paymentIntents.create({ amount: 2_500, currency: 'usd' });
  expect(written.join()).toContain('meanwhile refused');
  expect(written.join()).not.toContain(REAL_LOOKING);
});

test.each([
  ['GET', '/v1', 404],
  ['GET', '/v1/', 404],
  ['GET', '/v1/customers', 404],
  ['PUT', '/v1/payment_intents', 404],
  ['DELETE', '/v1/refunds/re_1', 404],
  ['GET', '/v2/core/events', 404],
  ['GET', '/v1/payment_intents/%ff', 404],
  ['GET', '/v1/payment_intents?limit=0', 400],
  ['GET', '/v1/payment_intents?limit=x', 400],
  ['GET', '/v1/payment_intents?created[after]=1', 400],
  ['GET', '/v1/payment_intents?a[b=1', 400],
  ['GET', '/v1/refunds?status=pending', 400],
  ['GET', '/v1/charges?color=red', 400],
  ['GET', '/v1/events?color=red', 400],
])('%s %s is refused in the envelope', async (method, path, status) => {
  const answer = await call(path, { method });
  expect(answer.status).toBe(status);
  expect(JSON.parse(answer.text)).toMatchObject({
    error: { type: 'invalid_request_error', message: expect.any(String) },
  });
});

test.each(['confirm', 'cancel', 'capture', ''])(
  'an unknown parameter of %s is refused by name',
  async (action) => {
    const { id } = await simulator.stripe.paymentIntents.create({ amount: 2_500, currency: 'usd' });
    const path = `/v1/payment_intents/${id}${action === '' ? '' : `/${action}`}`;
    for (const [name, code] of [
      ['color', 'parameter_unknown'],
      ['payment_method_types[]', 'payment_method_types_no_longer_supported'],
    ] as const) {
      if (name !== 'color' && (action === 'cancel' || action === 'capture')) continue;
      const { status, text } = await call(path, form({ [name]: 'card' }));
      expect(status).toBe(400);
      expect(JSON.parse(text)).toMatchObject({ error: { code, param: name.replace('[]', '') } });
    }
  },
);

test('paths that are none are answered, and leave the simulator standing', async () => {
  for (const path of ['//', '/_simulator/%', '/_simulator/', '/nowhere']) {
    const response = await fetch(`${simulator.url}${path}`);
    expect(response.status).toBe(404);
  }
  expect((await simulator.stripe.paymentIntents.list()).data).toEqual([]);
});
