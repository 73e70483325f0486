// What the live streams' reader asks: only what has changed comes back, and looking costs no more than its own rows.
import { ageCheckout, createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import { confirmCheckout } from '../../db/checkouts';
import { readChangedCheckouts } from '../../db/live';
import type { Db } from '../../db/query';
import { until } from '../support/until';
import { createProduct, line, openAndBind, required } from './support';

let db: TestDatabase;
let product: string;
beforeAll(async () => {
  db = await createTestDatabase();
  product = await createProduct(db.pool, { total: 1_000 });
});
afterAll(() => db.drop());

const read = (checkoutId: string, version: string | null) =>
  readChangedCheckouts(db.pool, [{ checkoutId, version }]);
const versionOf = async (checkoutId: string) => required((await read(checkoutId, null))[0]).version;

test('a checkout comes back once for every change, and at its deadline', async () => {
  const { checkoutId, paymentIntentId } = await openAndBind(db.pool, [line(product)]);
  const first = await versionOf(checkoutId);
  expect(await read(checkoutId, first)).toEqual([]);

  await db.pool.query(
    `update checkouts set expires_at = clock_timestamp() + interval '150 ms' where id = $1`,
    [checkoutId],
  );
  const second = await versionOf(checkoutId);
  expect(second).not.toBe(first);
  const late = await until('the deadline', async () => (await read(checkoutId, second))[0]);
  expect(late.view).toMatchObject({ status: 'awaiting_payment', isPayable: false });

  await ageCheckout(db.pool, checkoutId, -300);
  await confirmCheckout(db.pool, { checkoutId, paymentIntentId, eventIds: [] });
  const [sold] = await read(checkoutId, late.version);
  expect(sold?.view.status).toBe('confirmed');
  expect(await read(checkoutId, required(sold).version)).toEqual([]);
});

test('a refund that moves is a change while it is waited for', async () => {
  const { checkoutId, paymentIntentId } = await openAndBind(db.pool, [line(product)]);
  await db.pool.query(
    `update inventory_reservations set reclaim_after = clock_timestamp() - interval '1 s' where checkout_id = $1`,
    [checkoutId],
  );
  await db.pool.query('select cleanup_expired_reservations()');
  const other = await db.pool.query<{ available_inventory: number }>(
    'select available_inventory from drop_products where id = $1',
    [product],
  );
  await openAndBind(db.pool, [line(product, required(other.rows[0]).available_inventory)]);
  expect(await confirmCheckout(db.pool, { checkoutId, paymentIntentId, eventIds: [] })).toMatchObject({
    status: 'refund_pending',
  });
  const before = await versionOf(checkoutId);
  await db.pool.query(`update refunds set state = 'failed' where checkout_id = $1`, [checkoutId]);
  expect(await read(checkoutId, before)).toMatchObject([{ view: { refund: { state: 'failed' } } }]);
});

test('one changed row is looked up by its key, however many checkouts there are', async () => {
  const { checkoutId } = await openAndBind(db.pool, [line(await createProduct(db.pool, { total: 1 }))]);
  await db.pool.query(
    `insert into checkouts (id, request_fingerprint, status, failure_code)
     select gen_random_uuid(), 'f', 'refused', 'insufficient_inventory' from generate_series(1, 2000)`,
  );
  let plan = '';
  const explaining: Db = {
    query: async (text, values) => {
      const { rows } = await db.pool.query(`explain (analyze) ${text}`, values);
      plan = rows.map((row) => Object.values(row as object).join()).join('\n');
      return db.pool.query(text, values);
    },
  };
  expect(await readChangedCheckouts(explaining, [{ checkoutId, version: 'old' }])).toHaveLength(1);
  expect(plan).toMatch(/Index Scan using checkouts_pkey/);
  expect(plan).not.toMatch(/Seq Scan on checkouts/);
});
