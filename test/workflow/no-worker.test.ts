// News that piles up while no worker runs, on the real server: it is judged whole once a worker is back.
import { order } from '../support/orders';
import { until } from '../support/until';
import { World } from '../support/world';

let world: World;

beforeAll(async () => {
  world = await World.open({ server: 'dev-server' });
});
afterEach(async () => {
  await world.webhooks({ mode: 'deliver' });
  expect(await world.brokenInvariants()).toEqual([]);
});
afterAll(() => world?.close());

test('payment and cancel arrive while no worker runs: the payment counts, whichever came first', async () => {
  const { checkout, stock, stockBefore } = await order(world, 1);
  await world.stopWorkers();
  expect(await world.shop.cancel(checkout)).toBe(202);
  expect((await world.pay(checkout)).body.status).toBe('succeeded');
  await until('its event to be handed on', async () => {
    const { rows } = await world.pool.query(
      `select 1 from webhook_events where payment_intent_id = $1 and type = 'payment_intent.succeeded'
       and forwarded_at is not null`,
      [checkout.payment_intent_id],
    );
    return rows.length > 0;
  });
  await world.startWorkers();
  await world.finish(checkout);
  expect((await world.shop.read(checkout)).status).toBe('confirmed');
  expect(await stock()).toBe(stockBefore - 1);
});

test('no event of a checkout that has ended is left without outcome', async () => {
  await world.webhooks({ mode: 'hold' });
  const { checkout } = await order(world, 1);
  expect((await world.pay(checkout, 'pm_card_visa_chargeDeclined')).status).toBe(402);
  expect((await world.pay(checkout)).body.status).toBe('succeeded');
  await world.stopWorkers();
  await world.webhooks({ mode: 'deliver' });
  await world.control('webhooks/flush', { order: 'reverse' });
  await world.startWorkers();
  await world.finish(checkout);
  expect((await world.shop.read(checkout)).status).toBe('confirmed');
  const { rows } = await world.pool.query<{ type: string }>(
    'select type from webhook_events where checkout_id = $1 and outcome is null',
    [checkout.checkout_id],
  );
  expect(rows).toEqual([]);
});
