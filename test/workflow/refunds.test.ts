// Refunds and disputes after a sale: decided in SQL, carried out by settlement, followed by Stripe's events.
import { randomUUID } from 'node:crypto';

import type { RefundRequest } from '../../contracts/refunds';
import { order, type Placed } from '../support/orders';
import { reachOrder, refundOrder, sell, stripeRefunds } from '../support/refunds';
import { until } from '../support/until';
import { World } from '../support/world';

let world: World;

beforeAll(async () => {
  world = await World.open();
});
afterEach(async () => {
  await fetch(`${world.simulatorUrl}/_simulator/faults`, { method: 'DELETE' });
  expect(await world.brokenInvariants()).toEqual([]);
});
afterAll(() => world?.close());

const sold = (paymentMethod?: string) => sell(world, paymentMethod);
const refund = (placed: Placed, rest?: Partial<RefundRequest>, operationId?: string) =>
  refundOrder(world, placed, rest, operationId);
const expectOrder = (placed: Placed, status: string) => reachOrder(world, placed, status);
const refundsOf = (placed: Placed) => stripeRefunds(world, placed);
const incident = ({ checkout }: Placed, kind: string) =>
  until(`the incident ${kind}`, async () => (await world.incidents(checkout)).includes(kind));

test('a part, then the rest with every unit: money and stock are back', async () => {
  const placed = await sold();
  expect(await refund(placed, { amountMinor: 1_000 })).toEqual({ outcome: 'decided', amountMinor: 1_000 });
  await expectOrder(placed, 'partially_refunded');
  expect(await placed.stock()).toBe(placed.stockBefore - 2);
  expect(await refund(placed, { returnedLines: 'all' })).toMatchObject({ outcome: 'decided' });
  await expectOrder(placed, 'refunded');
  expect(await placed.stock()).toBe(placed.stockBefore);
  expect(await world.payment(placed.checkout)).toMatchObject({ refunded: placed.checkout.amount });
});

test('the same operation twice is one refund', async () => {
  const placed = await sold();
  const operationId = randomUUID();
  await refund(placed, { amountMinor: 500 }, operationId);
  await refund(placed, { amountMinor: 500 }, operationId);
  await expectOrder(placed, 'partially_refunded');
  expect(await refundsOf(placed)).toHaveLength(1);
});

test.each([
  ['is lost after Stripe executed it', { effect: 'executed', reply: 'drop', times: 2 }],
  ['is lost before Stripe executed it', { effect: 'none', reply: 'drop', times: 2 }],
  ['is a stored 500, and it exists', { effect: 'executed', reply: { status: 500 } }],
  ['is a stored 500, and it does not exist', { effect: 'none', reply: { status: 500 } }],
  ['is a 409', { effect: 'none', reply: { status: 409 } }],
  ['is a 429', { effect: 'none', reply: { status: 429, code: 'lock_timeout' } }],
])('the reply to a part %s: exactly one refund', async (_name, fault) => {
  const placed = await sold();
  await world.fault({ operation: 'refunds.create', ...fault });
  await refund(placed, { amountMinor: 500 });
  await expectOrder(placed, 'partially_refunded');
  expect(await refundsOf(placed)).toMatchObject([{ amount: 500 }]);
});

test('the list of refunds answers 500 again and again, and the reply was lost before: exactly one refund', async () => {
  const placed = await sold();
  await world.fault({ operation: 'refunds.create', effect: 'executed', reply: 'drop', times: 2 });
  await world.fault({ operation: 'refunds.list', effect: 'none', reply: { status: 500 }, skip: 2, times: 3 });
  await refund(placed, { amountMinor: 500 });
  await expectOrder(placed, 'partially_refunded');
  expect(await refundsOf(placed)).toHaveLength(1);
});

test('a refund that is pending at Stripe counts when its event comes', async () => {
  const placed = await sold('pm_card_pendingRefund');
  await refund(placed, { returnedLines: 'all' });
  const [pending] = await until('the refund', async () => {
    const refunds = await refundsOf(placed);
    return refunds.length > 0 && refunds;
  });
  expect(pending).toMatchObject({ status: 'pending' });
  expect(await placed.stock()).toBe(placed.stockBefore - 2);
  await world.control(`refunds/${pending?.id}/succeed`);
  await expectOrder(placed, 'refunded');
  expect(await placed.stock()).toBe(placed.stockBefore);
});

test('a refund that fails later is an incident, and the order is paid again', async () => {
  const placed = await sold();
  await refund(placed);
  await expectOrder(placed, 'refunded');
  const [made] = await refundsOf(placed);
  await world.control(`refunds/${made?.id}/fail`);
  await expectOrder(placed, 'paid');
  await incident(placed, 'refund_failed');
});

test('a refund in the dashboard is recorded', async () => {
  const placed = await sold();
  await world.stripe.refunds.create({ payment_intent: placed.checkout.payment_intent_id, amount: 700 });
  await expectOrder(placed, 'partially_refunded');
  expect(await refund(placed)).toEqual({ outcome: 'decided', amountMinor: placed.checkout.amount - 700 });
  await expectOrder(placed, 'refunded');
});

test('a person refunds in the dashboard before the order stands: it is recorded once it does', async () => {
  await world.webhooks({ mode: 'hold' });
  const placed = await order(world, 1);
  await world.pay(placed.checkout);
  await world.stripe.refunds.create({ payment_intent: placed.checkout.payment_intent_id });
  await world.webhooks({ mode: 'deliver' });
  await world.control('webhooks/flush', { order: 'reverse' });
  await world.finish(placed.checkout);
  await world.env.sleep('6 minutes');
  await expectOrder(placed, 'refunded');
  expect(await refund(placed)).toEqual({ outcome: 'nothing_left' });
});

test('a disputed order is flagged and never refunded', async () => {
  const placed = await sold();
  await world.control(`payment_intents/${placed.checkout.payment_intent_id}/dispute`);
  await incident(placed, 'payment_disputed');
  expect(await refund(placed)).toEqual({ outcome: 'disputed' });
  expect(await refundsOf(placed)).toEqual([]);
});

test('a dispute that is won blocks nothing: the order is as before, and may be refunded', async () => {
  const placed = await sold();
  await world.control(`payment_intents/${placed.checkout.payment_intent_id}/dispute`);
  await incident(placed, 'payment_disputed');
  const [dispute] = (await world.stripe.disputes.list({ payment_intent: placed.checkout.payment_intent_id }))
    .data;
  await world.control(`disputes/${dispute?.id}/win`);
  await until('the order to be undisputed', async () => {
    const { rows } = await world.pool.query(
      `select 1 from orders o where checkout_id = $1 and disputed_at is null and not exists (
         select 1 from incidents i where i.checkout_id = o.checkout_id and resolved_at is null)`,
      [placed.checkout.checkout_id],
    );
    return rows.length === 1;
  });
  expect(await refund(placed)).toMatchObject({ outcome: 'decided' });
  await expectOrder(placed, 'refunded');
  expect(await refundsOf(placed)).toHaveLength(1);
});

test('a dispute that is lost blocks for good', async () => {
  const placed = await sold();
  await world.control(`payment_intents/${placed.checkout.payment_intent_id}/dispute`);
  await incident(placed, 'payment_disputed');
  const [dispute] = (await world.stripe.disputes.list({ payment_intent: placed.checkout.payment_intent_id }))
    .data;
  await world.stripe.disputes.close(dispute?.id ?? '');
  await until('its last event to be recorded', async () => {
    const { rows } = await world.pool.query(
      `select 1 from webhook_events where payment_intent_id = $1 and type = 'charge.dispute.closed' and outcome = 'recorded'`,
      [placed.checkout.payment_intent_id],
    );
    return rows.length === 1;
  });
  expect(await refund(placed)).toEqual({ outcome: 'disputed' });
});

test('a dispute that nobody told us of stops the refund at Stripe', async () => {
  await world.webhooks({ mode: 'drop' });
  const placed = await order(world, 1);
  await world.pay(placed.checkout);
  await world.finish(placed.checkout);
  await world.control(`payment_intents/${placed.checkout.payment_intent_id}/dispute`);
  expect(await refund(placed)).toMatchObject({ outcome: 'decided' });
  await incident(placed, 'refund_failed');
  expect(await refundsOf(placed)).toEqual([]);
  await world.webhooks({ mode: 'deliver' });
});
