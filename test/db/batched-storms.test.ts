// Batchers on a real database: many at once, connections that break, members that are wrong.
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';

import { createCheckoutBatches } from '../../db/checkout-batches';
import type { CheckoutBatches } from '../../db/checkout-batches';
import { bindPaymentIntent, openCheckout } from '../../db/checkouts';
import { RefusedByDatabaseError } from '../../db/errors';
import { createPool } from '../../db/pool';
import { createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import {
  available,
  createProduct,
  createProducts,
  expectNoDrift,
  failureOf,
  line,
  openInput,
  required,
  unitsByStatus,
  untilWaiting,
} from './support';

const NAME = 'holdfast-batches';
let db: TestDatabase;
let pool: Pool;
beforeAll(async () => {
  db = await createTestDatabase();
  pool = createPool({
    connectionString: db.url,
    applicationName: NAME,
    statementTimeoutMs: 20_000,
    lockTimeoutMs: 20_000,
  });
});
afterEach(async () => {
  await expectNoDrift(db.pool);
  await db.pool.query('select pg_stat_force_next_flush()');
  const { rows } = await db.pool.query<{ deadlocks: number }>(
    'select deadlocks::integer from pg_stat_database where datname = current_database()',
  );
  expect(rows).toEqual([{ deadlocks: 0 }]);
});
afterAll(async () => {
  await pool.end();
  await db.drop();
});

/** Batches that count what they send. */
function counted(over: Pool = pool): CheckoutBatches & { sizes: number[] } {
  const sizes: number[] = [];
  const batches = createCheckoutBatches(over, { onCall: (_step, { members }) => void sizes.push(members) });
  return { ...batches, sizes };
}

test('2,000 buyers in two processes for 300 units: exactly 300 open, in few calls; half of them pay', async () => {
  const product = await createProduct(db.pool, { total: 300 });
  const processes = [counted(), counted()];
  const inputs = Array.from({ length: 2_000 }, () => openInput([line(product)]));
  const answers = await Promise.all(inputs.map((input, n) => required(processes[n % 2]).openCheckout(input)));
  const winners = inputs.filter((_, n) => answers[n]?.outcome === 'opened');
  expect(winners).toHaveLength(300);
  expect(answers.map(failureOf).filter((failure) => failure === 'insufficient_inventory')).toHaveLength(
    1_700,
  );
  expect(processes.flatMap((one) => one.sizes).length).toBeLessThan(20);
  const paying = winners
    .slice(0, 150)
    .map(({ checkoutId }) => ({ checkoutId, paymentIntentId: `pi_${checkoutId}` }));
  for (const paid of paying) await bindPaymentIntent(db.pool, paid);
  const endings = await Promise.all(
    paying.map((paid, n) => required(processes[n % 2]).confirmCheckout({ ...paid, eventIds: [] })),
  );
  expect(endings.every((ending) => ending.status === 'confirmed' && ending.orderId !== null)).toBe(true);
  expect(await unitsByStatus(db.pool, product)).toEqual({ confirmed: 150, held: 150 });
});

test('batches and single calls over the same products in opposite orders do not deadlock', async () => {
  const [a, b, c] = (await createProducts(db.pool, 3, { total: 1_000, maxPerCustomer: 500 })) as [
    string,
    string,
    string,
  ];
  const orders = [
    [line(a), line(b)],
    [line(b), line(a)],
    [line(c), line(a)],
    [line(b), line(c)],
  ];
  const processes = [counted(), counted(), counted()];
  const answers = await Promise.all(
    Array.from({ length: 300 }, (_, n) => {
      const input = openInput(required(orders[n % 4]), {
        customerId: n % 5 === 0 ? null : `customer ${n % 100}`,
      });
      return n % 4 === 3 ? openCheckout(pool, input) : required(processes[n % 3]).openCheckout(input);
    }),
  );
  expect(answers.every((answer) => answer.outcome === 'opened')).toBe(true);
});

test('a member that is wrong is refused alone', async () => {
  const product = await createProduct(db.pool, { total: 50 });
  const used = openInput([line(product)]);
  await openCheckout(db.pool, used);
  const { openCheckout: open } = counted();
  const answers = await Promise.allSettled([
    open(openInput([line(product)])),
    open({ ...used, requestFingerprint: 'another' }),
    open(openInput([line(product)], { customerId: 'x'.repeat(300) })),
    open(openInput([line('no uuid')])),
    // Text that PostgreSQL cannot take: the whole batch is refused because of this one.
    open(openInput([line(product)], { customerId: 'a\u0000b' })),
    open(openInput([line(product)])),
  ]);
  expect(answers.map((answer) => answer.status)).toEqual([
    'fulfilled', 'rejected', 'rejected', 'rejected', 'rejected', 'fulfilled',
  ]); // prettier-ignore
  expect((answers[1] as PromiseRejectedResult).reason).toBeInstanceOf(RefusedByDatabaseError);
  expect(await available(db.pool, product)).toBe(47);
});

test('a connection that breaks before the commit: every member is opened all the same, once', async () => {
  const product = await createProduct(db.pool, { total: 50 });
  const blocker = await db.pool.connect();
  let answers;
  try {
    await blocker.query('begin');
    await blocker.query('select 1 from drop_products where id = $1 for update', [product]);
    const { openCheckout: open } = counted();
    answers = Promise.all(Array.from({ length: 10 }, () => open(openInput([line(product)]))));
    await untilWaiting(db.pool, 1);
    await db.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name = $1 and datname = current_database() and wait_event_type = 'Lock'`,
      [NAME],
    );
    await blocker.query('rollback');
  } finally {
    blocker.release();
  }
  expect((await answers).every((answer) => answer.outcome === 'opened')).toBe(true);
  expect(await available(db.pool, product)).toBe(40);
});

test('a connection that breaks after the commit: the replay finds what was done', async () => {
  const product = await createProduct(db.pool, { total: 50 });
  let broken = 0;
  const breaking = new Proxy(pool, {
    get: (target, name) =>
      name !== 'query'
        ? Reflect.get(target, name)
        : async (text: string, values: unknown[]) => {
            const result = await target.query(text, values);
            if (!/(open|confirm)_checkouts\(/.test(text)) return result;
            broken += 1;
            throw new Error('Connection terminated unexpectedly');
          },
  });
  const batches = counted(breaking);
  const inputs = Array.from({ length: 10 }, () => openInput([line(product)]));
  const answers = await Promise.all(inputs.map((input) => batches.openCheckout(input)));
  expect(answers.every((answer) => answer.outcome === 'opened')).toBe(true);
  const paying = inputs.map(({ checkoutId }) => ({ checkoutId, paymentIntentId: `pi_${randomUUID()}` }));
  for (const paid of paying) await bindPaymentIntent(db.pool, paid);
  const endings = await Promise.all(paying.map((paid) => batches.confirmCheckout({ ...paid, eventIds: [] })));
  expect(new Set(endings.map((ending) => ending.orderId)).size).toBe(10);
  expect(broken).toBe(2);
  expect(await unitsByStatus(db.pool, product)).toEqual({ confirmed: 10 });
});

test('drained: what was called is answered, and nothing of it runs after', async () => {
  const product = await createProduct(db.pool, { total: 50 });
  const own = createPool({ connectionString: db.url, applicationName: 'holdfast-drained' });
  const batches = counted(own);
  const answers = Promise.all(
    Array.from({ length: 30 }, () => batches.openCheckout(openInput([line(product)]))),
  );
  await batches.drain();
  await own.end();
  expect(await answers).toHaveLength(30);
  await expect(batches.openCheckout(openInput([line(product)]))).rejects.toThrow('the process is stopping');
});
