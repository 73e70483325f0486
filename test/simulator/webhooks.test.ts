// Webhooks: signed as Stripe signs, retried until taken, and bent by the control plane's policy.

import Stripe from 'stripe';
import { until } from '../support/until';
import { ORDER, startReceiver, startTestSimulator } from './support';
import type { TestSimulator } from './support';

let simulator: TestSimulator;
let receiver: Awaited<ReturnType<typeof startReceiver>>;
let secret: string;

/** What the receiver answers first; refilled by the tests that need a failing receiver. */
const answers: number[] = [];

beforeEach(async () => {
  answers.length = 0;
  simulator = await startTestSimulator();
  receiver = await startReceiver(answers);
  const endpoint = await simulator.stripe.webhookEndpoints.create({
    url: receiver.url,
    enabled_events: ['*'],
  });
  secret = endpoint.secret ?? '';
});
afterEach(async () => {
  await simulator.close();
  await receiver.close();
});

const arrived = (count: number) =>
  until(`${count} webhooks`, () => Promise.resolve(receiver.received.length >= count));

test('each transition arrives signed, with the object as it was then', async () => {
  const { stripe } = simulator;
  const { id } = await stripe.paymentIntents.create(
    { ...ORDER, metadata: { checkout_id: 'c7' } },
    { idempotencyKey: 'k1' },
  );
  await stripe.paymentIntents.confirm(id, { payment_method: 'pm_card_visa' });
  await arrived(4);
  for (const { body, signature } of receiver.received) {
    expect(stripe.webhooks.constructEvent(body, signature, secret)).toMatchObject({
      object: 'event',
      livemode: false,
      api_version: '2026-10-28.endive',
    });
    expect(() => stripe.webhooks.constructEvent(body, signature, 'whsec_other')).toThrow(
      Stripe.errors.StripeSignatureVerificationError,
    );
    expect(() => stripe.webhooks.constructEvent(`${body} `, signature, secret)).toThrow(
      Stripe.errors.StripeSignatureVerificationError,
    );
  }
  const created = receiver.received.find(({ event }) => event.type === 'payment_intent.created')?.event;
  expect(created).toMatchObject({
    request: { id: expect.stringMatching(/^req_/), idempotency_key: 'k1' },
    pending_webhooks: 1,
    data: { object: { id, status: 'requires_payment_method', metadata: { checkout_id: 'c7' } } },
  });
});

test('the signature carries the wall clock, whatever the simulator clock says', async () => {
  await simulator.control('POST', 'clock', { advance_seconds: 30 * 86_400 });
  await simulator.stripe.paymentIntents.create(ORDER);
  await arrived(1);
  const [first] = receiver.received;
  expect(
    simulator.stripe.webhooks.constructEvent(first?.body ?? '', first?.signature ?? '', secret).created,
  ).toBeGreaterThan(Date.now() / 1000 + 29 * 86_400);
  const sentAt = Number(/t=(\d+)/.exec(first?.signature ?? '')?.[1]);
  expect(Math.abs(sentAt - Date.now() / 1000)).toBeLessThan(10);
});

test('what is not taken is sent again, signed afresh, until it is', async () => {
  answers.push(500);
  await simulator.stripe.paymentIntents.create(ORDER);
  await arrived(2);
  const [first, second] = receiver.received;
  expect(second?.event.id).toBe(first?.event.id);
  simulator.stripe.webhooks.constructEvent(second?.body ?? '', second?.signature ?? '', secret);
  await until('the log', async () => (await simulator.control('GET', 'deliveries')).deliveries.length === 2);
  const { deliveries, undelivered } = await simulator.control('GET', 'deliveries');
  expect(deliveries.map(({ status }) => status)).toEqual([500, 200]);
  expect(undelivered).toEqual([]);
  const { data } = await simulator.stripe.events.list({ delivery_success: true });
  expect(data.map(({ id, pending_webhooks }) => [id, pending_webhooks])).toEqual([[first?.event.id, 0]]);
});

test('a later retry is due as soon as the simulator clock has advanced', async () => {
  answers.push(503, 302, 404, 500);
  await simulator.stripe.paymentIntents.create(ORDER);
  for (let attempts = 1; attempts <= 4; attempts += 1) {
    await until('a failed attempt', async () => {
      const { undelivered } = await simulator.control('GET', 'deliveries');
      return undelivered[0]?.attempts === attempts;
    });
    expect((await simulator.stripe.events.list({ delivery_success: false })).data).toHaveLength(1);
    await simulator.control('POST', 'clock', { advance_seconds: 120 });
  }
  await arrived(5);
});

test('held events arrive when flushed, in the order asked for', async () => {
  await simulator.control('POST', 'webhooks', { mode: 'hold' });
  const paid = await simulator.pay();
  const inOrder = await simulator.eventsOf(paid.id);
  const { undelivered } = await simulator.control('GET', 'deliveries');
  expect(undelivered.map(({ state }) => state)).toEqual(inOrder.map(() => 'held'));
  expect(receiver.received).toEqual([]);
  const { flushed } = await simulator.control('POST', 'webhooks/flush', { order: 'reverse' });
  expect(flushed).toBe(inOrder.length);
  expect(receiver.types()).toEqual(inOrder.toReversed());
  expect((await simulator.control('POST', 'webhooks/flush')).flushed).toBe(0);
});

test('the snapshot is of the transition, not of the delivery', async () => {
  await simulator.control('POST', 'webhooks', { mode: 'hold' });
  const { id } = await simulator.stripe.paymentIntents.create(ORDER);
  await simulator.stripe.paymentIntents.cancel(id);
  await simulator.control('POST', 'webhooks/flush');
  const statuses = receiver.received.map(({ event }) => (event.data.object as { status: string }).status);
  expect(statuses).toEqual(['requires_payment_method', 'canceled']);
});

test('copies repeat the same event, shuffle mixes the order', async () => {
  await simulator.control('POST', 'webhooks', { mode: 'deliver', copies: 5, shuffle: true, delay_ms: 20 });
  const paid = await simulator.pay();
  const inOrder = await simulator.eventsOf(paid.id);
  await arrived(inOrder.length * 5);
  const ids = new Set(receiver.received.map(({ event }) => event.id));
  expect(ids.size).toBe(inOrder.length);
  expect(receiver.types()).not.toEqual(inOrder.flatMap((type) => Array(5).fill(type) as string[]));
});

test('dropped events never arrive but stay in the list of events; resend sends them after all', async () => {
  await simulator.control('POST', 'webhooks', { mode: 'drop' });
  const { id } = await simulator.stripe.paymentIntents.create(ORDER);
  const { data } = await simulator.stripe.events.list({
    types: ['payment_intent.created'],
    delivery_success: false,
  });
  expect(data.map((event) => (event.data.object as { id: string }).id)).toEqual([id]);
  await simulator.control('POST', 'webhooks', { mode: 'deliver' });
  await simulator.control('POST', 'clock', { advance_seconds: 86_400 });
  await simulator.control('POST', `events/${data[0]?.id}/resend`, { copies: 2 });
  await arrived(2);
  expect(receiver.received.map(({ event }) => event.id)).toEqual([data[0]?.id, data[0]?.id]);
});

test('an endpoint gets the types it asked for; a disabled or deleted one gets nothing', async () => {
  const { stripe } = simulator;
  const other = await startReceiver();
  const { id } = await stripe.webhookEndpoints.create({
    url: other.url,
    enabled_events: ['payment_intent.canceled'],
  });
  const first = await stripe.paymentIntents.create(ORDER);
  await stripe.paymentIntents.cancel(first.id);
  await until('the one event', () => Promise.resolve(other.received.length === 1));
  expect(other.types()).toEqual(['payment_intent.canceled']);
  await stripe.webhookEndpoints.del(id);
  const second = await stripe.paymentIntents.create(ORDER);
  await stripe.paymentIntents.cancel(second.id);
  await arrived(4);
  expect(other.received).toHaveLength(1);
  await other.close();
});

test('an endpoint registered twice is two endpoints, and only the control plane shows secrets again', async () => {
  const { stripe } = simulator;
  const second = await stripe.webhookEndpoints.create({ url: receiver.url, enabled_events: ['*'] });
  const listed = await stripe.webhookEndpoints.list();
  expect(listed.data).toHaveLength(2);
  expect(listed.data.some((endpoint) => 'secret' in endpoint)).toBe(false);
  const { webhook_endpoints: all } = await simulator.control('GET', 'webhook_endpoints');
  expect(all.map((endpoint) => endpoint.secret)).toEqual([secret, second.secret]);
  expect(second.secret).toMatch(/^whsec_/);
  await stripe.paymentIntents.create(ORDER);
  await arrived(2);
  expect(new Set(receiver.received.map(({ event }) => event.id)).size).toBe(1);
});

test('events page with ending_before and filter by type', async () => {
  const { stripe } = simulator;
  const paid = await simulator.pay();
  await simulator.control('POST', 'clock', { advance_seconds: 1 });
  const all = (await stripe.events.list({ limit: 100 })).data.toReversed();
  const [first] = all;
  const newer = await stripe.events.list({ ending_before: first?.id ?? '', limit: 2 });
  expect(newer.has_more).toBe(true);
  expect(newer.data.map(({ id }) => id)).toEqual([all[2]?.id, all[1]?.id]);
  const charges = await stripe.events.list({ type: 'charge.*' });
  expect(charges.data.map(({ type }) => type)).toEqual(['charge.updated', 'charge.succeeded']);
  expect((await stripe.events.retrieve(first?.id ?? '')).data.object).toMatchObject({ id: paid.id });
});
