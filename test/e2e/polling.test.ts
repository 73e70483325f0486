// A test key and no webhook secret: `npm start` with Stripe elsewhere, and a sale without any webhook endpoint.
import { startSimulator } from '../../local/stripe-simulator';
import { makeDataDir, removeDataDir } from '../support/data-folder';
import { findBrokenInvariants } from '../support/invariants';
import { readLedger } from '../support/ledger';
import { payInBrowser } from '../support/shop';
import { isAlive, startStack, type Stack } from '../support/stack';
import { until } from '../support/until';

jest.setTimeout(180_000);

let dataDir: string;
let simulator: Awaited<ReturnType<typeof startSimulator>>;
let stack: Stack;

beforeAll(async () => {
  dataDir = makeDataDir();
  simulator = await startSimulator({ port: 0, dataDir: null });
  stack = await startStack(dataDir, {
    STRIPE_SECRET_KEY: 'sk_test_simulator',
    STRIPE_PUBLISHABLE_KEY: 'pk_test_simulator',
    STRIPE_API_BASE: simulator.url,
    PAYMENT_WINDOW_SECONDS: '120',
  });
});

afterAll(async () => {
  await stack?.stop();
  await simulator?.close();
  removeDataDir(dataDir);
});

test('says that it polls, and a paid checkout is confirmed long before its deadline, also by a worker that was killed', async () => {
  expect(stack.output()).toContain('the events of stripe are polled every 3 s');
  const product = (await stack.shop.drops())
    .flatMap((drop) => drop.products)
    .find(({ total }) => total >= 200);
  if (product === undefined) throw new Error('unexpected demo drop');
  for (const isKilled of [false, true]) {
    const checkout = await stack.shop.open([{ drop_product_id: product.id, quantity: 1 }]);
    if (isKilled) {
      const { worker } = stack.file().pids;
      process.kill(worker, 'SIGKILL');
      await until('the worker to be gone', () => Promise.resolve(!isAlive(worker)));
    }
    expect((await payInBrowser(simulator.url, 'pk_test_simulator', checkout)).body.status).toBe('succeeded');
    const body = await until(
      'the checkout to be confirmed',
      async () => {
        const read = await stack.shop.read(checkout);
        return read.status === 'confirmed' ? read : null;
      },
      90_000,
    );
    expect(body.order_id).toEqual(expect.any(String));
    const { payment_intents: payments } = await readLedger(simulator.url);
    expect(payments.find(({ id }) => id === checkout.payment_intent_id)?.captured).toBe(checkout.amount);
  }
  const { rows } = await stack.pool.query<{ n: number }>('select count(*)::int as n from webhook_events');
  expect(rows[0]?.n).toBe(2);
  const env = await stack.pool.query<{ holdfast_env: string }>('select holdfast_env from installation');
  expect(
    await findBrokenInvariants({
      pool: stack.pool,
      simulatorUrl: simulator.url,
      holdfastEnv: env.rows[0]?.holdfast_env ?? '',
    }),
  ).toEqual([]);
});
