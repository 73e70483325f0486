// Who may do what, and how bad input is refused.

import { ORDER, rejection, sdk, startTestSimulator } from './support';
import type { TestSimulator } from './support';

let simulator: TestSimulator;
beforeAll(async () => {
  simulator = await startTestSimulator();
});
afterAll(() => simulator.close());

const create = (params: object) =>
  rejection(simulator.stripe.rawRequest('POST', '/v1/payment_intents', params) as Promise<unknown>);

test.each([
  ['sk_live_abc', 'live keys are refused'],
  ['sk_test_other', 'Invalid API Key provided: sk_test_***'],
])('the key %s is refused with a reason', async (key, reason) => {
  const error = await rejection(sdk(simulator.port, key).paymentIntents.create(ORDER));
  expect(error).toMatchObject({ type: 'StripeAuthenticationError', statusCode: 401 });
  expect(error.message).toContain(reason);
  expect(error.message).not.toContain(key);
});

test('a call without a key is refused', async () => {
  const response = await fetch(`${simulator.url}/v1/payment_intents`);
  expect(response.status).toBe(401);
  expect(await response.json()).toMatchObject({ error: { type: 'invalid_request_error' } });
});

test('a browser may read its own PaymentIntent, redacted, and confirm it; nothing else', async () => {
  const intent = await simulator.stripe.paymentIntents.create({ ...ORDER, metadata: { checkout_id: 'c1' } });
  const browser = sdk(simulator.port, 'pk_test_simulator');
  const secret = { client_secret: intent.client_secret ?? '' };
  const seen = await browser.paymentIntents.retrieve(intent.id, secret);
  expect(seen).toMatchObject({ id: intent.id, amount: 2_500, status: 'requires_payment_method' });
  expect(seen).not.toHaveProperty('metadata');
  expect(seen).not.toHaveProperty('latest_charge');
  for (const call of [
    browser.paymentIntents.create(ORDER),
    browser.paymentIntents.cancel(intent.id),
    browser.refunds.create({ payment_intent: intent.id }),
    browser.paymentIntents.list(),
    browser.events.list(),
    browser.webhookEndpoints.list(),
  ]) {
    expect(await rejection(call)).toMatchObject({ statusCode: 401, code: 'secret_key_required' });
  }
  for (const wrong of [{}, { client_secret: `${intent.id}_secret_guess` }]) {
    const error = await rejection(browser.paymentIntents.retrieve(intent.id, wrong));
    expect(error).toMatchObject({ statusCode: 400, param: 'client_secret' });
  }
  const declined = await rejection(confirmFromBrowser(browser, intent.id, secret, '4000000000000002'));
  expect(declined).toMatchObject({ statusCode: 402, payment_intent: { id: intent.id } });
  expect(declined.payment_intent).not.toHaveProperty('metadata');
  await confirmFromBrowser(browser, intent.id, secret, '4242424242424242');
  expect(await simulator.ledgerOf(intent.id)).toMatchObject({ status: 'succeeded', captured: 2_500 });
});

test('a browser cannot choose how its payment is captured', async () => {
  const intent = await simulator.stripe.paymentIntents.create(ORDER);
  const browser = sdk(simulator.port, 'pk_test_simulator');
  const error = await rejection(
    browser.rawRequest('POST', `/v1/payment_intents/${intent.id}/confirm`, {
      client_secret: intent.client_secret,
      payment_method: 'pm_card_visa',
      capture_method: 'manual',
    }) as Promise<unknown>,
  );
  expect(error.code).toBe('parameter_unknown');
});

function confirmFromBrowser(
  browser: ReturnType<typeof sdk>,
  id: string,
  secret: { client_secret: string },
  number: string,
): Promise<unknown> {
  return browser.rawRequest('POST', `/v1/payment_intents/${id}/confirm`, {
    ...secret,
    payment_method_data: { type: 'card', card: { number, exp_month: 12, exp_year: 2035, cvc: '123' } },
  }) as Promise<unknown>;
}

test('cross-origin calls are allowed for reading and confirming a PaymentIntent only', async () => {
  const { id, client_secret: secret } = await simulator.stripe.paymentIntents.create(ORDER);
  const preflight = (path: string, method: string) =>
    fetch(`${simulator.url}${path}`, {
      method: 'OPTIONS',
      headers: { origin: 'http://127.0.0.1:3000', 'access-control-request-method': method },
    });
  const confirm = await preflight(`/v1/payment_intents/${id}/confirm`, 'POST');
  expect(confirm.headers.get('access-control-allow-origin')).toBe('*');
  expect(confirm.headers.get('access-control-allow-headers')).toContain('Authorization');
  for (const path of [
    '/v1/payment_intents',
    `/v1/payment_intents/${id}/cancel`,
    '/v1/refunds',
    '/_simulator/faults',
  ]) {
    expect((await preflight(path, 'POST')).headers.get('access-control-allow-origin')).toBeNull();
  }
  const read = await fetch(
    `${simulator.url}/v1/payment_intents/${id}?client_secret=${secret}&key=pk_test_simulator`,
  );
  expect(read.status).toBe(200);
  expect(read.headers.get('access-control-allow-origin')).toBe('*');
});

test('a web page of another origin cannot use the control plane', async () => {
  const response = await fetch(`${simulator.url}/_simulator/webhooks/flush`, {
    method: 'POST',
    headers: { origin: 'https://shop.example' },
  });
  expect(response.status).toBe(403);
});

test.each([
  [
    { amount: 2_500, currency: 'usd', payment_method_types: ['card'] },
    'payment_method_types_no_longer_supported',
    'payment_method_types',
  ],
  [{ amount: 2_500, currency: 'usd', color: 'red' }, 'parameter_unknown', 'color'],
  [
    { amount: 2_500, currency: 'usd', automatic_payment_methods: { enable: true } },
    'parameter_unknown',
    'automatic_payment_methods[enable]',
  ],
  [{ currency: 'usd' }, 'parameter_missing', 'amount'],
  [{ amount: 2_500 }, 'parameter_missing', 'currency'],
  [{ amount: '25.00', currency: 'usd' }, 'parameter_invalid_integer', 'amount'],
  [{ amount: -5, currency: 'usd' }, 'parameter_invalid_integer', 'amount'],
  [{ amount: 49, currency: 'usd' }, 'amount_too_small', 'amount'],
  [{ amount: 100_000_000, currency: 'usd' }, 'amount_too_large', 'amount'],
  [{ amount: 2_500, currency: '' }, 'parameter_invalid_empty', 'currency'],
  [{ amount: 2_500, currency: 'xyz' }, undefined, 'currency'],
  [
    {
      amount: 2_500,
      currency: 'usd',
      allowed_payment_method_types: ['card'],
      automatic_payment_methods: { enabled: true },
    },
    'parameters_exclusive',
    'allowed_payment_method_types',
  ],
  [{ amount: 2_500, currency: 'usd', confirm: true }, 'parameter_missing', 'payment_method'],
  [
    { amount: 2_500, currency: 'usd', transfer_data: { destination: 'acct_1' } },
    'simulator_parameter_unsupported',
    'transfer_data',
  ],
  [{ amount: 2_500, currency: 'usd', metadata: { key: 'x'.repeat(501) } }, undefined, 'metadata[key]'],
])('create refuses %j', async (params, code, param) => {
  const error = await create(params);
  expect(error).toMatchObject({ type: 'StripeInvalidRequestError', statusCode: 400, param });
  expect(error.code).toBe(code);
});

test('unknown objects and routes are 404 in the envelope', async () => {
  const missing = await rejection(simulator.stripe.paymentIntents.retrieve('pi_x'));
  expect(missing).toMatchObject({
    statusCode: 404,
    code: 'resource_missing',
    message: "No such payment_intent: 'pi_x'",
    param: 'intent',
  });
  const route = await rejection(simulator.stripe.customers.create({}));
  expect(route).toMatchObject({ type: 'StripeInvalidRequestError', statusCode: 404 });
  expect(route.message).toContain('Unrecognized request URL');
});

test('a card method cannot pay where only bank debits are allowed', async () => {
  const { id } = await simulator.stripe.paymentIntents.create({
    ...ORDER,
    allowed_payment_method_types: ['us_bank_account'],
  });
  const error = await rejection(
    simulator.stripe.paymentIntents.confirm(id, { payment_method: 'pm_card_visa' }),
  );
  expect(error).toMatchObject({ statusCode: 400, code: 'payment_intent_incompatible_payment_method' });
});

test.each([
  ['a JSON body', { 'content-type': 'application/json' }, '{"amount":1}', 400],
  [
    'a body beyond the limit',
    { 'content-type': 'application/x-www-form-urlencoded' },
    'a'.repeat(300_000),
    413,
  ],
  ['another API version', { 'stripe-version': '2020-08-27' }, '', 400],
  ['a connected account', { 'stripe-account': 'acct_1' }, '', 403],
  [
    'too many parameters',
    { 'content-type': 'application/x-www-form-urlencoded' },
    'a[]=1&'.repeat(1_001),
    400,
  ],
])('%s is refused', async (_what, headers, body, status) => {
  const response = await fetch(`${simulator.url}/v1/payment_intents`, {
    method: 'POST',
    headers: { authorization: 'Bearer sk_test_simulator', ...(headers as Record<string, string>) },
    body,
  });
  expect(response.status).toBe(status);
  expect(await response.json()).toHaveProperty('error.message');
});
