// Not one webhook arrives. Every paid checkout is confirmed at the latest at its deadline; one whose worker was away past
// everything, and whose run is gone, is found by reconciliation.
import { checkoutWorkflowId } from '../../contracts/ids';
import { loseLease, order, takeAll, type Placed } from '../support/orders';
import { until } from '../support/until';
import type { ReconcileReport } from '../../workflows/reconcile';
import { World } from '../support/world';

let world: World;

beforeAll(async () => {
  world = await World.open();
  await world.webhooks({ mode: 'drop' });
});
afterEach(async () => {
  expect(await world.brokenInvariants()).toEqual([]);
});
afterAll(() => world?.close());

const pay = async ({ checkout }: Placed, method?: string) =>
  expect((await world.pay(checkout, method)).body.status).toBe('succeeded');

let runs = 0;
/** Only what it reads of checkouts counts here: Stripe's list of events is as good as empty. */
const reconcile = () => {
  runs += 1;
  return world.runInRealTime<ReconcileReport>('reconcile', `reconcile-lost-${runs}`, [
    { listedAgeSeconds: 120 },
  ]);
};

test('paid at once, after a declined card, after 3D Secure: confirmed at the deadline, without any event', async () => {
  const placed = await Promise.all(Array.from({ length: 3 }, () => order(world, 2)));
  const [atOnce, afterDecline, after3ds] = placed as [Placed, Placed, Placed];
  await pay(atOnce);
  expect((await world.pay(afterDecline.checkout, 'pm_card_visa_chargeDeclined')).status).toBe(402);
  await pay(afterDecline);
  expect((await world.pay(after3ds.checkout, 'pm_card_authenticationRequired')).body.status).toBe(
    'requires_action',
  );
  await world.control(`payment_intents/${after3ds.checkout.payment_intent_id}/complete_3ds`);

  for (const { checkout, stock, stockBefore } of placed) {
    const run = world.env.client.workflow.getHandle(checkoutWorkflowId(checkout.checkout_id));
    await run.result();
    const { startTime, closeTime } = await run.describe();
    const seconds = (Number(closeTime) - Number(startTime)) / 1_000;
    // Five minutes on the server's clock, and the moment it takes to read and confirm.
    expect(seconds).toBeLessThan(330);
    expect(await world.shop.read(checkout)).toMatchObject({
      status: 'confirmed',
      order_id: expect.any(String),
    });
    expect(await world.payment(checkout)).toMatchObject({ captured: checkout.amount, refunded: 0 });
    expect(await stock()).toBe(stockBefore - 2);
  }
  const { rows } = await world.pool.query('select 1 from webhook_events');
  expect(rows).toEqual([]);
});

/** The worker is away, the buyer pays, the lease ends, the database takes the units back, and the run is gone. */
async function loseEverything(): Promise<Placed> {
  const placed = await order(world, 1, 1);
  await world.stopWorkers();
  await pay(placed);
  await world.env.client.workflow
    .getHandle(checkoutWorkflowId(placed.checkout.checkout_id))
    .terminate('lost with its cluster');
  await loseLease(world, placed);
  await world.pool.query(
    `update checkouts set opened_at = opened_at - interval '1 hour', expires_at = expires_at - interval '1 hour' where id = $1`,
    [placed.checkout.checkout_id],
  );
  await world.startWorkers();
  return placed;
}

test('paid while the worker was down past everything, units free: found and confirmed', async () => {
  const placed = await loseEverything();
  expect(await reconcile()).toMatchObject({ healed: 1 });
  await world.reach(placed.checkout, 'confirmed');
  expect(await placed.stock()).toBe(0);
  expect(await world.payment(placed.checkout)).toMatchObject({ refunded: 0 });
});

test('paid while the worker was down past everything, units sold to another: found and refunded once', async () => {
  const placed = await loseEverything();
  await world.webhooks({ mode: 'deliver' });
  await takeAll(world, placed);
  await world.webhooks({ mode: 'drop' });
  expect(await reconcile()).toMatchObject({ healed: 1 });
  await world.reach(placed.checkout, 'refunded');
  expect(await placed.stock()).toBe(0);
  const { captured, refunded } = await until('the ledger to agree', async () => {
    const payment = await world.payment(placed.checkout);
    return payment.refunded > 0 ? payment : null;
  });
  expect([captured, refunded]).toEqual([placed.checkout.amount, placed.checkout.amount]);
});
