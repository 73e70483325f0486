// Events as they go wrong at Stripe: made twice, never made, gone after 30 days; and what a snapshot carries.

import { until } from '../support/until';
import { ORDER, rejection, startReceiver, startTestSimulator } from './support';
import type { TestSimulator } from './support';

let simulator: TestSimulator;
beforeEach(async () => {
  simulator = await startTestSimulator();
});
afterEach(() => simulator.close());

const rule = (body: object) => simulator.control('POST', 'event_rules', body);
const listed = async (type: string) => (await simulator.stripe.events.list({ type })).data;

test('one change, two Event objects with the same content and ids of their own', async () => {
  const receiver = await startReceiver();
  await simulator.stripe.webhookEndpoints.create({ url: receiver.url, enabled_events: ['*'] });
  await rule({ type: 'payment_intent.succeeded', generate: 'twice' });
  const { id } = await simulator.pay();
  const [second, first] = await listed('payment_intent.succeeded');
  expect(first?.id).not.toBe(second?.id);
  expect(second).toEqual({ ...first, id: second?.id, pending_webhooks: second?.pending_webhooks });
  await until('both', () =>
    Promise.resolve(receiver.types().filter((type) => type === 'payment_intent.succeeded').length === 2),
  );
  expect(await simulator.ledgerOf(id)).toMatchObject({ captured: 2_500, captures: [{ amount: 2_500 }] });
  await simulator.pay();
  expect(await listed('payment_intent.succeeded')).toHaveLength(3);
  await receiver.close();
});

test('an event that is never made is nowhere, though the change has happened', async () => {
  const mine = await simulator.stripe.paymentIntents.create({ ...ORDER, metadata: { checkout_id: 'mine' } });
  await rule({ generate: 'never', times: 100, match: { metadata: { checkout_id: 'mine' } } });
  await simulator.stripe.paymentIntents.confirm(mine.id, { payment_method: 'pm_card_visa' });
  expect((await simulator.ledgerOf(mine.id)).captured).toBe(2_500);
  expect(await simulator.eventsOf(mine.id)).toEqual(['payment_intent.created']);
  const other = await simulator.pay();
  expect(await simulator.eventsOf(other.id)).toContain('payment_intent.succeeded');
  expect((await simulator.control('GET', 'event_rules')).event_rules).toMatchObject([{ type: '*' }]);
  await simulator.control('DELETE', 'event_rules');
  await simulator.stripe.refunds.create({ payment_intent: mine.id });
  expect(await simulator.eventsOf(mine.id)).toContain('charge.refunded');
});

test.each([
  [{}, 'generate'],
  [{ generate: 'thrice' }, 'generate'],
  [{ generate: 'never', times: 0 }, 'times'],
  [{ generate: 'never', typ: 'x' }, 'typ'],
])('a wrong rule %j is refused by name', async (body, param) => {
  expect((await rule(body)).error).toMatchObject({ param });
});

test('events can be read for 30 days', async () => {
  const { stripe } = simulator;
  await stripe.paymentIntents.create(ORDER);
  const [event] = (await stripe.events.list()).data;
  await simulator.control('POST', 'clock', { advance_seconds: 30 * 86_400 - 60 });
  expect((await stripe.events.retrieve(event?.id ?? '')).id).toBe(event?.id);
  await simulator.control('POST', 'clock', { advance_seconds: 60 });
  expect((await stripe.events.list()).data).toEqual([]);
  expect((await rejection(stripe.events.retrieve(event?.id ?? ''))).code).toBe('resource_missing');
});

test('filters: types, at most twenty of them, and created', async () => {
  const { stripe } = simulator;
  await simulator.pay();
  const types = ['payment_intent.created', 'payment_intent.succeeded'];
  const both = (await stripe.events.list({ types })).data;
  expect(both.map(({ type }) => type)).toEqual(types.toReversed());
  const many = Array.from({ length: 21 }, (_, n) => `charge.t${n}`);
  expect((await rejection(stripe.events.list({ types: many }))).param).toBe('types');
  const exclusive = await rejection(stripe.events.list({ types, type: 'charge.succeeded' }));
  expect(exclusive.code).toBe('parameters_exclusive');
  const created = both[0]?.created ?? 0;
  expect((await stripe.events.list({ created: { gt: created + 5 } })).data).toEqual([]);
  expect((await stripe.events.list({ created: { lte: created }, types })).data).toHaveLength(2);
});

test('an update tells what was there before; a transition does not', async () => {
  const { stripe } = simulator;
  const held = await simulator.pay('pm_card_visa', { capture_method: 'manual' });
  await stripe.paymentIntents.capture(held.id);
  await stripe.refunds.create({ payment_intent: held.id, amount: 1_000 });
  const [refunded] = await listed('charge.refunded');
  expect(refunded?.data).toMatchObject({
    object: { amount_refunded: 1_000 },
    previous_attributes: { amount_refunded: 0 },
  });
  const [captured] = await listed('charge.captured');
  expect(captured?.data.previous_attributes).toEqual({ captured: false });
  const [succeeded] = await listed('payment_intent.succeeded');
  expect(succeeded?.data).not.toHaveProperty('previous_attributes');
  expect(succeeded).toMatchObject({ api_version: '2026-10-28.endive', livemode: false });
});
