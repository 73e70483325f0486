// The saga's two straight paths and its declines, with the five minutes passing virtually.
import { until } from '../support/until';
import { World } from '../support/world';
import { order } from '../support/orders';

let world: World;

beforeAll(async () => {
  world = await World.open();
});
afterEach(async () => {
  expect(await world.brokenInvariants()).toEqual([]);
});
afterAll(() => world?.close());

test('a paid checkout is confirmed: an order, one capture of the right amount, units sold', async () => {
  const { checkout, stockBefore, stock } = await order(world, 2);
  expect((await world.pay(checkout)).body.status).toBe('succeeded');
  await world.finish(checkout);

  const body = await world.shop.read(checkout);
  expect(body).toMatchObject({ status: 'confirmed', failure_code: null, order_id: expect.any(String) });
  expect(await world.payment(checkout)).toMatchObject({ captured: checkout.amount, refunded: 0 });
  expect(await stock()).toBe(stockBefore - 2);
});

test('nobody pays: after five minutes the payment is canceled first, then the units go back', async () => {
  const { checkout, stockBefore, stock } = await order(world, 2);
  const began = Date.now();
  await world.finish(checkout);
  expect(Date.now() - began).toBeLessThan(60_000);

  expect(await world.shop.read(checkout)).toMatchObject({ status: 'expired', failure_code: null });
  const payment = await world.payment(checkout);
  expect(payment).toMatchObject({ status: 'canceled', captured: 0 });
  const { rows } = await world.pool.query<{ closed_at: Date }>(
    'select closed_at from checkouts where id = $1',
    [checkout.checkout_id],
  );
  const canceledAt = payment.transitions.find(({ to }) => to === 'canceled')?.at ?? Infinity;
  expect(Number(new Date(canceledAt))).toBeLessThanOrEqual(Number(rows[0]?.closed_at));
  expect(await stock()).toBe(stockBefore);
});

test('a soft decline keeps the units for another card', async () => {
  const { checkout, stockBefore, stock } = await order(world, 1);
  expect((await world.pay(checkout, 'pm_card_visa_chargeDeclined')).status).toBe(402);
  await until('the decline to be counted', async () => (await world.shop.read(checkout)).attempts === 1);
  expect(await stock()).toBe(stockBefore - 1);
  expect((await world.pay(checkout)).body.status).toBe('succeeded');
  await world.finish(checkout);
  expect((await world.shop.read(checkout)).status).toBe('confirmed');
});

test('the third declined attempt ends the checkout', async () => {
  const { checkout, stockBefore, stock } = await order(world, 1);
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    expect((await world.pay(checkout, 'pm_card_visa_chargeDeclined')).status).toBe(402);
  }
  await world.finish(checkout);
  expect(await world.shop.read(checkout)).toMatchObject({
    status: 'payment_failed',
    failure_code: 'payment_attempts_exhausted',
    attempts: 3,
  });
  expect((await world.payment(checkout)).status).toBe('canceled');
  expect(await stock()).toBe(stockBefore);
});

test('a hard decline ends the checkout at once', async () => {
  const { checkout, stockBefore, stock } = await order(world, 1);
  expect((await world.pay(checkout, 'pm_card_visa_chargeDeclinedStolenCard')).status).toBe(402);
  await world.reach(checkout, 'payment_failed');
  expect(await world.shop.read(checkout)).toMatchObject({ failure_code: 'card_declined', attempts: 1 });
  expect((await world.payment(checkout)).status).toBe('canceled');
  expect(await stock()).toBe(stockBefore);
});

test("the shopper's cancel ends the payment and gives the units back", async () => {
  const { checkout, stockBefore, stock } = await order(world, 1);
  expect(await world.shop.cancel(checkout)).toBe(202);
  await world.reach(checkout, 'canceled');
  expect((await world.payment(checkout)).status).toBe('canceled');
  expect(await stock()).toBe(stockBefore);
});

test('a payment canceled by somebody else ends the checkout as failed', async () => {
  const { checkout, stockBefore, stock } = await order(world, 1);
  await world.stripe.paymentIntents.cancel(checkout.payment_intent_id);
  await world.reach(checkout, 'payment_failed');
  expect(await world.shop.read(checkout)).toMatchObject({ failure_code: 'payment_intent_canceled' });
  expect(await stock()).toBe(stockBefore);
});

test('3D Secure completed after a while is a paid checkout', async () => {
  const { checkout } = await order(world, 1);
  expect((await world.pay(checkout, 'pm_card_threeDSecure2Required')).body.status).toBe('requires_action');
  await world.control(`payment_intents/${checkout.payment_intent_id}/complete_3ds`);
  await world.reach(checkout, 'confirmed');
});

test('3D Secure that fails is a soft decline', async () => {
  const { checkout } = await order(world, 1);
  expect((await world.pay(checkout, 'pm_card_threeDSecure2Required')).body.status).toBe('requires_action');
  await world.control(`payment_intents/${checkout.payment_intent_id}/fail_3ds`);
  await until('the attempt to be counted', async () => (await world.shop.read(checkout)).attempts === 1);
  expect((await world.pay(checkout)).body.status).toBe('succeeded');
  await world.reach(checkout, 'confirmed');
});
