// What the locks of a batch are for, one interleaving at a time.
import { randomUUID } from 'node:crypto';
import type { PoolClient } from 'pg';

import { openCheckouts } from '../../../db/checkout-batches';
import { openCheckout } from '../../../db/checkouts';
import { ageCheckout, createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import {
  available,
  createProduct,
  createProducts,
  expectNoDrift,
  failureOf,
  line,
  openAndBind,
  openInput,
  required,
  reserve,
  unitsByStatus,
  untilWaiting,
  WINDOW_SECONDS,
} from '../support';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterEach(() => expectNoDrift(db.pool));
afterAll(() => db.drop());

/** Runs `act` in a transaction of its own that has the product locked, and commits it. */
async function withProductLocked(
  productId: string,
  act: (client: PoolClient) => Promise<void>,
): Promise<void> {
  const client = await db.pool.connect();
  try {
    await client.query('begin');
    await client.query('select 1 from drop_products where id = $1 for no key update', [productId]);
    await act(client);
    await client.query('commit');
  } finally {
    client.release();
  }
}

test.each([
  ['could all be served when it looked', 0],
  ['must be asked in turn', 1],
])('a batch whose members %s decides by what is left when it is its turn', async (_members, refused) => {
  const product = await createProduct(db.pool, { total: 3 });
  const batches: ReturnType<typeof openCheckouts>[] = [];
  await withProductLocked(product, async () => {
    for (let n = 0; n < 2; n += 1) {
      const unknown = Array.from({ length: refused }, () => openInput([line(randomUUID())]));
      batches.push(
        openCheckouts(db.pool, [openInput([line(product)]), ...unknown, openInput([line(product)])]),
      );
    }
    await untilWaiting(db.pool, 2);
  });
  const failures = (await Promise.all(batches))
    .flat()
    .map((one) => (one === null ? 'single' : failureOf(one)));
  expect(failures.filter((failure) => failure === null)).toHaveLength(3);
  expect(failures.filter((failure) => failure === 'insufficient_inventory')).toHaveLength(1);
  expect(await available(db.pool, product)).toBe(0);
});

test('what a batch wrote before its units were gone is undone: one of two is served, once', async () => {
  const product = await createProduct(db.pool, { total: 3 });
  const orders = [openInput([line(product)]), openInput([line(product)])];
  let batch: ReturnType<typeof openCheckouts> | undefined;
  await withProductLocked(product, async (client) => {
    batch = openCheckouts(db.pool, orders);
    await untilWaiting(db.pool, 1);
    await reserve(client as unknown as typeof db.pool, 'pi_in_between', [line(product, 2)]);
  });
  expect((await batch)?.map((one) => one?.outcome)).toEqual(['opened', 'closed']);
  expect(await unitsByStatus(db.pool, product)).toEqual({ held: 3 });
  const { rows } = await db.pool.query('select status from checkouts where id = any ($1) order by status', [
    orders.map((order) => order.checkoutId),
  ]);
  expect(rows).toEqual([{ status: 'opening' }, { status: 'refused' }]);
});

test('a batch locks its products in their one order, however its lines come', async () => {
  const [first, second] = (await createProducts(db.pool, 2, { total: 3 })) as [string, string];
  let batch: ReturnType<typeof openCheckouts> | undefined;
  await withProductLocked(first, async (client) => {
    const lines = [line(second), line(first)];
    batch = openCheckouts(db.pool, [openInput(lines), openInput(lines)]);
    await untilWaiting(db.pool, 1);
    // Were the second locked by the batch already, each would wait for the other.
    await client.query('select 1 from drop_products where id = $1 for no key update', [second]);
  });
  expect((await batch)?.map((one) => one?.outcome)).toEqual(['opened', 'opened']);
});

test('one checkout in two batches and on its own at once: opened once, three equal answers', async () => {
  const product = await createProduct(db.pool, { total: 9 });
  const same = openInput([line(product)]);
  const opening: Promise<unknown>[] = [];
  await withProductLocked(product, async () => {
    for (let n = 0; n < 2; n += 1) {
      const batch = openCheckouts(db.pool, [openInput([line(product)]), same]);
      opening.push(batch.then((answers) => required(answers[1])));
    }
    opening.push(openCheckout(db.pool, same));
    await untilWaiting(db.pool, 3);
  });
  const [first, ...others] = await Promise.all(opening);
  expect(first).toMatchObject({ outcome: 'opened' });
  expect(others).toEqual([first, first]);
  expect(await unitsByStatus(db.pool, product)).toEqual({ held: 3 });
});

test('units past their deadline but under lease go to nobody else, singly or in a batch', async () => {
  const product = await createProduct(db.pool, { total: 1 });
  const { checkoutId } = await openAndBind(db.pool, [line(product)]);
  await ageCheckout(db.pool, checkoutId, WINDOW_SECONDS + 60);
  const single = await openCheckout(db.pool, openInput([line(product)]));
  const batch = await openCheckouts(db.pool, [openInput([line(product)]), openInput([line(product)])]);
  expect([single, ...batch.map(required)].map((one) => one && failureOf(one))).toEqual(
    Array.from({ length: 3 }, () => 'insufficient_inventory'),
  );
  expect(await unitsByStatus(db.pool, product)).toEqual({ held: 1 });
});
