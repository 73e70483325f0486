// A Stripe that hangs for many must not stand in front of one who has paid. On the real server.
import { Shop } from '../support/shop';
import { addProduct, order } from '../support/orders';
import { until } from '../support/until';
import { World } from '../support/world';

const HANGING = 200;

let world: World;

beforeAll(async () => {
  world = await World.open({ server: 'dev-server', settings: { inFlightMax: HANGING } });
});
afterAll(() => world?.close());

test('200 checkouts wait for a hanging create; a paid one is confirmed all the same', async () => {
  await world.webhooks({ mode: 'hold' });
  const { checkout } = await order(world, 1);
  expect((await world.pay(checkout)).body.status).toBe('succeeded');
  const productId = await addProduct(world, HANGING);

  await world.fault({ operation: 'payment_intents.create', times: 100_000, effect: 'none', reply: 'hang' });
  const hanging = Array.from({ length: HANGING }, () =>
    world.shop.create([{ drop_product_id: productId, quantity: 1 }], Shop.key()),
  );
  await until('all units to be held', async () => (await world.shop.available(productId)) === 0, 15_000);

  await world.webhooks({ mode: 'deliver' });
  await world.control('webhooks/flush');
  const flushedAtMs = Date.now();
  await world.reach(checkout, 'confirmed');
  console.info(
    `Confirmed ${Date.now() - flushedAtMs} ms after its webhook, beside ${HANGING} hanging creates.`,
  );

  for (const answer of await Promise.all(hanging)) expect(answer.status).toBe(503);
  await until(
    'every unit to be back',
    async () => (await world.shop.available(productId)) === HANGING,
    30_000,
  );
  expect(await world.brokenInvariants()).toEqual([]);
});
