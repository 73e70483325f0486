// `npm start` as its user has it: buy, expire, kill the worker in the middle, stop and start again. One stack, in order.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';

import { makeDataDir, removeDataDir } from '../support/data-folder';
import { findBrokenInvariants } from '../support/invariants';
import { postJson, readLedger } from '../support/ledger';
import { payInBrowser, type CreateBody } from '../support/shop';
import { isAlive, startStack, type Stack } from '../support/stack';
import { until } from '../support/until';

jest.setTimeout(240_000);

let dataDir: string;
let stack: Stack;

beforeAll(async () => {
  dataDir = makeDataDir();
  stack = await startStack(dataDir, { PAYMENT_WINDOW_SECONDS: '30' });
});

afterAll(async () => {
  await stack?.stop();
  removeDataDir(dataDir);
});

const reach = (checkout: CreateBody, status: string) =>
  until(
    `checkout to be ${status}`,
    async () => {
      const body = await stack.shop.read(checkout);
      return body.status === status ? body : null;
    },
    60_000,
  );

const pay = (checkout: CreateBody, method?: string) => {
  const { stripe_simulator: stripe, publishable_key: key } = stack.file();
  return payInBrowser(stripe, key, checkout, method);
};

const paymentOf = async (checkout: CreateBody) => {
  const ledger = await readLedger(stack.file().stripe_simulator);
  const payment = ledger.payment_intents.find(({ id }) => id === checkout.payment_intent_id);
  if (payment === undefined) throw new Error('the ledger does not know the payment');
  return payment;
};

async function expectSound(): Promise<void> {
  const { rows } = await stack.pool.query<{ holdfast_env: string }>('select holdfast_env from installation');
  expect(
    await findBrokenInvariants({
      pool: stack.pool,
      simulatorUrl: stack.file().stripe_simulator,
      holdfastEnv: rows[0]?.holdfast_env ?? '',
    }),
  ).toEqual([]);
}

async function products() {
  const all = (await stack.shop.drops()).flatMap((drop) => drop.products);
  const single = all.find(({ total }) => total === 1);
  const many = all.filter(({ total }) => total >= 200);
  if (single === undefined || many[0] === undefined || many[1] === undefined)
    throw new Error('unexpected demo drop');
  return { single, first: many[0], second: many[1] };
}

test('a paid checkout becomes an order, with one capture of the right amount', async () => {
  const { first, second } = await products();
  const checkout = await stack.shop.open([
    { drop_product_id: first.id, quantity: 2 },
    { drop_product_id: second.id, quantity: 1 },
  ]);
  expect(checkout.status).toBe('awaiting_payment');
  expect(checkout.amount).toBe(2 * first.unit_price + second.unit_price);
  expect(await stack.shop.available(first.id)).toBe(first.available - 2);

  expect((await pay(checkout)).body.status).toBe('succeeded');
  const confirmed = await reach(checkout, 'confirmed');

  expect(confirmed.order_id).toEqual(expect.any(String));
  const payment = await paymentOf(checkout);
  expect(payment).toMatchObject({ captured: checkout.amount, refunded: 0, status: 'succeeded' });
  expect(await stack.shop.available(first.id)).toBe(first.available - 2);
  await expectSound();
});

test("the README's commands buy", async () => {
  const readme = readFileSync(resolve(__dirname, '../../README.md'), 'utf8');
  const block = /## Buy something\n+```sh\n([\s\S]*?)```/.exec(readme)?.[1];
  if (block === undefined) throw new Error('The README has no commands to buy with.');
  const { api, stripe_simulator: stripe } = stack.file();
  const script = block.replace(/^API=.*$/m, `API=${api}`).replace(/^STRIPE=.*$/m, `STRIPE=${stripe}`);
  const { stdout } = await promisify(execFile)('bash', ['-euc', script], { timeout: 30_000 });
  expect(JSON.parse(stdout)).toMatchObject({ status: 'confirmed', order_id: expect.any(String) });
  await expectSound();
});

test('the same key is the same checkout, also after its run was deleted and 25 hours have passed at Stripe', async () => {
  const { first, second } = await products();
  const key = 'an-idempotency-key-of-yesterday';
  const items = [{ drop_product_id: first.id, quantity: 1 }];
  const checkout = await stack.shop.open(items, key);
  const paidAtMs = Date.now();
  expect((await pay(checkout)).body.status).toBe('succeeded');
  const confirmed = await reach(checkout, 'confirmed');
  console.info(`Confirmed ${Date.now() - paidAtMs} ms after the payment.`);

  await stack.temporal.workflowService.deleteWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: `checkout-${checkout.checkout_id}` },
  });
  const isDeleted = () =>
    stack.temporal.workflow
      .getHandle(`checkout-${checkout.checkout_id}`)
      .describe()
      .then(
        () => false,
        () => true,
      );
  await until('the run to be deleted, which the server does in the background', isDeleted, 90_000);
  await postJson(`${stack.file().stripe_simulator}/_simulator/clock`, { advance_seconds: 25 * 3_600 });

  const again = await stack.shop.open(items, key);
  expect(again).toMatchObject({ checkout_id: checkout.checkout_id, status: 'confirmed' });
  expect((await stack.shop.read(again)).order_id).toBe(confirmed.order_id);
  const other = await stack.shop.create([{ drop_product_id: second.id, quantity: 1 }], key);
  expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused']);
  const { payment_intents: payments } = await readLedger(stack.file().stripe_simulator);
  expect(payments.filter(({ metadata }) => metadata['checkout_id'] === checkout.checkout_id)).toHaveLength(1);
});

test('a declined card may be followed by another one on the same checkout', async () => {
  const { first } = await products();
  const checkout = await stack.shop.open([{ drop_product_id: first.id, quantity: 1 }]);
  expect((await pay(checkout, 'pm_card_visa_chargeDeclined')).status).toBe(402);
  await until('the decline to be counted', async () => (await stack.shop.read(checkout)).attempts === 1);
  expect((await pay(checkout)).body.status).toBe('succeeded');
  await reach(checkout, 'confirmed');
  expect((await paymentOf(checkout)).captured).toBe(checkout.amount);
});

test('twenty buyers of the last unit: one is opened, nineteen are told that it is gone', async () => {
  const { single } = await products();
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => stack.shop.create([{ drop_product_id: single.id, quantity: 1 }])),
  );
  const opened = answers.filter(({ status }) => status === 201);
  const refused = answers.filter(({ status }) => status === 409);
  expect([opened.length, refused.length]).toEqual([1, 19]);
  for (const { body } of refused) expect(body.code).toBe('insufficient_inventory');
  expect(await stack.shop.available(single.id)).toBe(0);

  const winner = opened[0]?.body as CreateBody;
  expect(await stack.shop.cancel(winner)).toBe(202);
  await reach(winner, 'canceled');
  expect(await stack.shop.available(single.id)).toBe(1);
  expect((await paymentOf(winner)).status).toBe('canceled');
  await expectSound();
});

test('the worker is killed while a checkout waits; it is paid, and confirmed after the worker is back', async () => {
  const { first } = await products();
  const checkout = await stack.shop.open([{ drop_product_id: first.id, quantity: 1 }]);
  const { worker } = stack.file().pids;
  process.kill(worker, 'SIGKILL');
  await until('the worker to be gone', () => Promise.resolve(!isAlive(worker)));
  expect((await pay(checkout)).body.status).toBe('succeeded');
  await reach(checkout, 'confirmed');
  await expectSound();
});

test('the stack is stopped and started with open, paid and expired checkouts: all end right', async () => {
  const { first, second } = await products();
  const paidLater = await stack.shop.open([{ drop_product_id: first.id, quantity: 1 }]);
  const neverPaid = await stack.shop.open([{ drop_product_id: second.id, quantity: 3 }]);
  const pids = Object.values(stack.file().pids);

  await stack.stop();
  await until('every process to be gone', () => Promise.resolve(!pids.some(isAlive)), 10_000);
  stack = await startStack(dataDir, { PAYMENT_WINDOW_SECONDS: '5' });

  expect((await pay(paidLater)).body.status).toBe('succeeded');
  await reach(paidLater, 'confirmed');

  const before = await stack.shop.available(first.id);
  const expires = await stack.shop.open([{ drop_product_id: first.id, quantity: 4 }]);
  expect(await stack.shop.available(first.id)).toBe(before - 4);
  await reach(expires, 'expired');
  expect(await stack.shop.available(first.id)).toBe(before);
  await expectEndedBeforeRelease(expires);

  await reach(neverPaid, 'expired');
  await expectEndedBeforeRelease(neverPaid);
  await expectSound();
});

/** The ledger's cancel comes before the database's release: both run on this machine's clock. */
async function expectEndedBeforeRelease(checkout: CreateBody): Promise<void> {
  const payment = await paymentOf(checkout);
  expect(payment.status).toBe('canceled');
  const canceled = payment.transitions.find(({ to }) => to === 'canceled');
  const { rows } = await stack.pool.query<{ closed_at: Date }>(
    'select closed_at from checkouts where id = $1',
    [checkout.checkout_id],
  );
  const canceledAt = Number(new Date(canceled?.at ?? 0));
  expect(canceledAt).toBeGreaterThan(0);
  expect(canceledAt).toBeLessThanOrEqual(Number(rows[0]?.closed_at));
}
