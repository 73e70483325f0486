// Signatures: two secrets while one is rolled, the fake v0, and what the control plane spoils.

import Stripe from 'stripe';
import { until } from '../support/until';
import { ORDER, startReceiver, startTestSimulator } from './support';
import type { TestSimulator } from './support';

let simulator: TestSimulator;
let receiver: Awaited<ReturnType<typeof startReceiver>>;
let endpoint: Stripe.WebhookEndpoint;
beforeEach(async () => {
  simulator = await startTestSimulator();
  receiver = await startReceiver();
  endpoint = await simulator.stripe.webhookEndpoints.create({ url: receiver.url, enabled_events: ['*'] });
});
afterEach(async () => {
  await simulator.close();
  await receiver.close();
});

/** Makes one event and returns what arrived of it. */
async function send() {
  const before = receiver.received.length;
  await simulator.stripe.paymentIntents.create(ORDER);
  return until('the webhook', () => Promise.resolve(receiver.received[before]));
}

function accepts(received: { body: string; signature: string }, secret: string): boolean {
  try {
    simulator.stripe.webhooks.constructEvent(received.body, received.signature, secret);
    return true;
  } catch (error) {
    if (error instanceof Stripe.errors.StripeSignatureVerificationError) return false;
    throw error;
  }
}

const v1 = (signature: string) => signature.match(/v1=/g)?.length ?? 0;

test('while a secret is rolled both sign, and after its time only the new one', async () => {
  const old = endpoint.secret ?? '';
  const rolled = await simulator.control('POST', `webhook_endpoints/${endpoint.id}/roll_secret`, {
    expires_in_seconds: 3_600,
  });
  expect(rolled.secret).not.toBe(old);
  const both = await send();
  expect(v1(both.signature)).toBe(2);
  expect([accepts(both, old), accepts(both, rolled.secret)]).toEqual([true, true]);
  await simulator.control('POST', 'clock', { advance_seconds: 3_600 });
  const after = await send();
  expect(v1(after.signature)).toBe(1);
  expect([accepts(after, old), accepts(after, rolled.secret)]).toEqual([false, true]);
});

test('v0 proves nothing', async () => {
  const received = await send();
  const [, v0] = /v0=([0-9a-f]+)/.exec(received.signature) ?? [];
  expect(v0).toBeDefined();
  const downgraded = received.signature.replace(/v1=[0-9a-f]+/, `v1=${v0}`);
  expect(accepts({ ...received, signature: downgraded }, endpoint.secret ?? '')).toBe(false);
});

test.each([
  ['valid', true, 0],
  ['wrong', false, 0],
  ['stale', false, -3_600],
  // The SDK lets the future pass: a receiver must check that side by itself.
  ['future', true, 3_600],
])('a signature that is %s', async (signature, isAccepted, shiftSeconds) => {
  await simulator.control('POST', 'webhooks', { mode: 'deliver', signature });
  const received = await send();
  expect(accepts(received, endpoint.secret ?? '')).toBe(isAccepted);
  const t = Number(/t=(\d+)/.exec(received.signature)?.[1]);
  expect(Math.abs(t - shiftSeconds - Date.now() / 1000)).toBeLessThan(10);
});

test('no signature at all', async () => {
  await simulator.control('POST', 'webhooks', { mode: 'deliver', signature: 'missing' });
  expect((await send()).signature).toBe('undefined');
  await simulator.control('POST', 'webhooks', { mode: 'deliver' });
  expect(accepts(await send(), endpoint.secret ?? '')).toBe(true);
});
