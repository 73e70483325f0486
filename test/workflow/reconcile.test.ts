// No webhook, no run, nobody who asks: reconciliation finds what the world has lost.
import { checkoutWorkflowId, settlementWorkflowId, stripeIdempotencyKey } from '../../contracts/ids';
import { addProduct, order } from '../support/orders';
import { reachOrder, refundOrder, stripeRefunds } from '../support/refunds';
import type { CreateBody } from '../support/shop';
import { until } from '../support/until';
import type { ReconcileReport } from '../../workflows/reconcile';
import { World } from '../support/world';

let world: World;

beforeAll(async () => {
  world = await World.open();
  await world.webhooks({ mode: 'drop' });
});
afterAll(() => world?.close());

const terminate = (checkout: CreateBody) =>
  world.env.client.workflow.getHandle(checkoutWorkflowId(checkout.checkout_id)).terminate('test');

/** Reconciliation leaves checkouts alone that are younger than half a minute. */
const age = (checkout: CreateBody) =>
  world.pool.query(`update checkouts set opened_at = opened_at - interval '1 minute' where id = $1`, [
    checkout.checkout_id,
  ]);

const expectSound = async () => expect(await world.brokenInvariants()).toEqual([]);

let runs = 0;
/** By default Stripe's lists are as good as empty: everything is younger than two minutes. */
const reconcile = (listedAgeSeconds = 120) => {
  runs += 1;
  return world.runInRealTime<ReconcileReport>('reconcile', `reconcile-${runs}`, [{ listedAgeSeconds }]);
};

test('a paid checkout whose run is gone is confirmed, and a second run finds nothing to do', async () => {
  const { checkout, stock } = await order(world, 1, 1);
  await terminate(checkout);
  expect((await world.pay(checkout)).body.status).toBe('succeeded');
  await age(checkout);
  expect(await reconcile()).toMatchObject({ healed: 1, incidents: 0 });
  await world.reach(checkout, 'confirmed');
  expect(await stock()).toBe(0);
  expect(await reconcile()).toMatchObject({ healed: 0, incidents: 0 });
});

test('an unpaid checkout whose run is gone: the payment is ended, then the units go back', async () => {
  const { checkout, stock, stockBefore } = await order(world, 1);
  await terminate(checkout);
  await age(checkout);
  expect(await reconcile()).toMatchObject({ healed: 1 });
  await world.reach(checkout, 'canceled');
  expect((await world.payment(checkout)).status).toBe('canceled');
  expect(await stock()).toBe(stockBefore);
  await expectSound();
});

test('a checkout that waits for its payment is left alone while its run is there', async () => {
  const { checkout } = await order(world, 1);
  await age(checkout);
  expect(await reconcile()).toMatchObject({ healed: 0 });
  expect((await world.shop.read(checkout)).status).toBe('awaiting_payment');
  await world.finish(checkout);
  await expectSound();
});

test('PaymentIntents of ours that no checkout is bound to are canceled, those of others are not touched', async () => {
  const { checkout } = await order(world, 1);
  const create = (holdfastEnv: string, n: string) =>
    world.stripe.paymentIntents.create(
      {
        amount: checkout.amount,
        currency: checkout.currency,
        metadata: { holdfast_env: holdfastEnv, checkout_id: checkout.checkout_id },
      },
      { idempotencyKey: stripeIdempotencyKey(holdfastEnv, checkout.checkout_id, 'create', n) },
    );
  const orphan = await create(world.database.holdfastEnv, 'left-behind');
  const foreign = await create('somebody-else', '0');
  const report = await reconcile(0);
  const statusOf = async (id: string) => (await world.stripe.paymentIntents.retrieve(id)).status;
  expect([await statusOf(orphan.id), report]).toMatchObject(['canceled', { orphansCanceled: 1 }]);
  expect(await statusOf(foreign.id)).toBe('requires_payment_method');
  expect(await statusOf(checkout.payment_intent_id)).toBe('requires_payment_method');
  await world.finish(checkout);
  await expectSound();
});

test('a refund that was pending, and whose event is lost, is found to have come through', async () => {
  const placed = await order(world, 2);
  expect((await world.pay(placed.checkout, 'pm_card_pendingRefund')).body.status).toBe('succeeded');
  await world.finish(placed.checkout);
  await refundOrder(world, placed, { returnedLines: 'all' });
  const [pending] = await until('the refund', async () => {
    const refunds = await stripeRefunds(world, placed);
    return refunds.length > 0 && refunds;
  });
  await world.env.client.workflow.getHandle(settlementWorkflowId(placed.checkout.checkout_id)).result();
  await world.control(`refunds/${pending?.id}/succeed`);
  await world.pool.query(`update refunds set updated_at = updated_at - interval '2 minutes'`);
  await reconcile();
  await reachOrder(world, placed, 'refunded');
  expect(await stripeRefunds(world, placed)).toHaveLength(1);
  expect(await placed.stock()).toBe(placed.stockBefore);
  await expectSound();
});

test('an order without its money calls a person', async () => {
  const productId = await addProduct(world, 1);
  const checkout = await world.shop.open([{ drop_product_id: productId, quantity: 1 }]);
  await world.stripe.paymentIntents.update(checkout.payment_intent_id, { amount: 100 });
  expect((await world.pay(checkout)).body.status).toBe('succeeded');
  await world.pool.query('select * from confirm_checkout($1, $2, $3)', [
    checkout.checkout_id,
    checkout.payment_intent_id,
    [],
  ]);
  expect(await reconcile()).toMatchObject({ incidents: 1 });
  expect(await world.incidents(checkout)).toContain('order_without_money');
});
