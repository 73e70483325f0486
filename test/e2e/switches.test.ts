// Both switches on the product as it is started: turned by a restart with checkouts in flight, and turned back.
import { makeDataDir, removeDataDir } from '../support/data-folder';
import { findBrokenInvariants } from '../support/invariants';
import { payInBrowser, type CreateBody } from '../support/shop';
import { startStack, type Stack } from '../support/stack';
import { until } from '../support/until';

jest.setTimeout(400_000);

const WINDOW = { PAYMENT_WINDOW_SECONDS: '45' };

let dataDir: string;
let stack: Stack | undefined;

beforeAll(() => {
  dataDir = makeDataDir();
});

afterAll(async () => {
  await stack?.stop();
  removeDataDir(dataDir);
});

async function restart(env: Record<string, string>): Promise<Stack> {
  await stack?.stop();
  stack = undefined;
  stack = await startStack(dataDir, { ...WINDOW, ...env });
  return stack;
}

test('turned off and on again by restarts, every checkout ends by itself as its buyer left it', async () => {
  let current = await restart({});
  const { rows } = await current.pool.query<{ id: string }>(
    `insert into drop_products (drop_id, name, unit_price_minor, total_inventory)
     select id, 'Twelve of a kind', 2500, 12 from drops limit 1 returning id`,
  );
  const productId = rows[0]?.id ?? '';
  const open = () => current.shop.open([{ drop_product_id: productId, quantity: 1 }]);
  const openSome = (count: number) => Promise.all(Array.from({ length: count }, open));
  const pay = async (checkout: CreateBody) => {
    const { stripe_simulator: stripe, publishable_key: key } = current.file();
    expect((await payInBrowser(stripe, key, checkout)).body.status).toBe('succeeded');
  };
  const statuses = (checkouts: CreateBody[]) =>
    Promise.all(checkouts.map(async (one) => (await current.shop.read(one)).status));
  const held = await openSome(3);

  current = await restart({ SETTLEMENT: 'paused', RESERVATIONS: 'check-only' });
  const free = await current.shop.available(productId);
  expect(free).toBe(9);
  const checked = await openSome(3);
  expect(await current.shop.available(productId)).toBe(free);
  for (const checkout of [held[0], checked[0]]) await pay(checkout as CreateBody);
  expect(await current.shop.cancel(held[1] as CreateBody)).toBe(202);
  await until(
    'the windows to be over',
    async () => (await current.shop.read(checked[2] as CreateBody)).seconds_left === 0,
    90_000,
  );
  expect(new Set(await statuses([...held, ...checked]))).toEqual(new Set(['awaiting_payment']));
  expect(await current.shop.available(productId)).toBe(free);

  current = await restart({});
  const all = [...held, ...checked];
  await until(
    'all to end',
    async () => !(await statuses(all)).some((status) => status === 'awaiting_payment'),
    200_000,
  );
  // On a slow machine the restart outlasts the window, and the cancel came after the deadline.
  expect(await statuses(held)).toEqual([
    'confirmed',
    expect.stringMatching(/^(canceled|expired)$/),
    'expired',
  ]);
  expect(await statuses(checked)).toEqual(['confirmed', 'expired', 'expired']);
  expect(await current.shop.available(productId)).toBe(10);
  const installation = await current.pool.query<{ holdfast_env: string }>(
    'select holdfast_env from installation',
  );
  expect(
    await findBrokenInvariants({
      pool: current.pool,
      simulatorUrl: current.file().stripe_simulator,
      holdfastEnv: installation.rows[0]?.holdfast_env ?? '',
    }),
  ).toEqual([]);
});
