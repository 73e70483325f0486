// Plans hold: right after TRUNCATE, when the planner knows nothing, and with 100,000 live holds it was never told of, each
// hot call reads the rows it needs and no more. Counted in rows read, which no machine's speed changes.
import { randomUUID } from 'node:crypto';
import type { PoolClient } from 'pg';

import { confirmCheckouts, openCheckouts } from '../../db/checkout-batches';
import { unheardEvents } from '../../db/checkout-endings';
import { confirmCheckout, openCheckout } from '../../db/checkouts';
import { cleanupExpiredReservations, purgeEndedReservations } from '../../db/cleanup';
import { readAvailability } from '../../db/stock';
import { createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import { confirm, createProduct, line, openAndBind, openInput, required, reserve } from './support';

const LIVE_HOLDS = 100_000;
let db: TestDatabase;
let client: PoolClient;
let hot: string;
let soldOut: string;

beforeAll(async () => {
  db = await createTestDatabase();
  // As a sale begins: nothing known, no statistics, and nothing comes to gather them meanwhile.
  for (const table of ['inventory_reservations', 'checkouts', 'checkout_lines', 'orders', 'webhook_events']) {
    await db.pool.query(`alter table ${table} set (autovacuum_enabled = off)`);
    await db.pool.query(`truncate ${table} cascade`);
  }
  hot = await createProduct(db.pool, { total: 1_000_000, maxPerCustomer: 50 });
  soldOut = await createProduct(db.pool, { total: LIVE_HOLDS });
  // Every plan of this session is made now, over empty tables, and kept.
  client = await db.pool.connect();
  await everyHotCall();
  await client.query(`set statement_timeout = '60 s'`);
  await client.query(
    `with line as (
       select gen_random_uuid() as id, n from generate_series(1, ${LIVE_HOLDS}) n
     ), opened as (
       insert into checkouts (id, request_fingerprint, customer_id, status, amount_minor, currency, expires_at)
       select id, 'f', 'crowd ' || n % 1000, 'opening', 1000, 'usd', clock_timestamp() + interval '1 h' from line
     ), lines as (
       insert into checkout_lines select id, $1, 'Test product', 1000, 1 from line
     ), held as (
       insert into inventory_reservations (drop_product_id, quantity, payment_intent_id, expires_at, checkout_id)
       select $1, 1, 'checkout:' || id, clock_timestamp() + interval '1 h', id from line)
     update drop_products set available_inventory = 0 where id = $1`,
    [soldOut],
  );
}, 120_000);
afterAll(async () => {
  client.release();
  await db.drop();
});

/** Rows of the growing tables that this session has fetched, by index or by scan. */
async function rowsRead(): Promise<number> {
  const { rows } = await client.query<{ read: number }>(
    `select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::integer as read from pg_stat_xact_user_tables
     where relname in ('inventory_reservations', 'checkouts', 'checkout_lines', 'orders', 'webhook_events')`,
  );
  return required(rows[0]).read;
}

async function readBy(act: () => Promise<unknown>): Promise<number> {
  await client.query('begin');
  const before = await rowsRead();
  await act();
  const read = (await rowsRead()) - before;
  await client.query('rollback');
  return read;
}

const buyers = (count: number, product: string) =>
  Array.from({ length: count }, (_, n) =>
    openInput([line(product)], { customerId: n % 2 === 0 ? null : `buyer ${n}` }),
  );

async function everyHotCall(): Promise<void> {
  const db = client as unknown as Parameters<typeof openAndBind>[0];
  await openCheckouts(client, buyers(3, hot));
  await openCheckout(client, openInput([line(hot)], { customerId: 'one' }));
  const bound = [
    await openAndBind(db, [line(hot)]),
    await openAndBind(db, [line(hot)]),
    await openAndBind(db, [line(hot)]),
  ];
  await confirmCheckouts(
    client,
    bound.slice(1).map((one) => ({ ...one, eventIds: ['evt_none'] })),
  );
  await confirmCheckout(client, { ...required(bound[0]), eventIds: [] });
  await reserve(db, 'pi_first', [line(hot)]);
  await confirm(db, 'pi_first');
  await cleanupExpiredReservations(client);
  await purgeEndedReservations(client);
  await readAvailability(client, [hot, soldOut]);
}

describe.each([
  ['planned over empty tables and kept', 'select 1'],
  // What every session does when the server's cache of the catalog overflows, at any moment.
  ['planned anew, still without statistics', 'discard plans'],
  ['planned anew with statistics', 'analyze; discard plans'],
])('%s:', (_when, prepare) => {
  beforeAll(() => client.query(prepare));

  test('a batch of 100 opens reads in proportion to its members', async () => {
    expect(await readBy(() => openCheckouts(client, buyers(100, hot)))).toBeLessThan(100 * 20);
  });

  test('a batch of 100 sold-out buyers as well', async () => {
    expect(await readBy(() => openCheckouts(client, buyers(100, soldOut)))).toBeLessThan(100 * 20);
  });

  test('a customer with 100 open checkouts costs those, not everybody’s', async () => {
    await client.query(`update inventory_settings set open_checkouts_per_customer_max = null`);
    const input = openInput([line(hot)], { customerId: 'crowd 7' });
    expect(await readBy(() => openCheckout(client, input))).toBeLessThan(1_500);
  });

  test('a single open, and a bare reserve and confirm', async () => {
    const id = `pi_${randomUUID()}`;
    const pool = client as unknown as Parameters<typeof reserve>[0];
    expect(
      await readBy(() => openCheckout(client, openInput([line(hot)], { customerId: 'two' }))),
    ).toBeLessThan(30);
    expect(await readBy(() => reserve(pool, id, [line(hot)]))).toBeLessThan(20);
    expect(
      await readBy(async () => (await reserve(pool, id, [line(hot)])) && confirm(pool, id)),
    ).toBeLessThan(40);
  });

  test('a batch of 50 confirms reads in proportion to its members', async () => {
    const pool = client as unknown as Parameters<typeof openAndBind>[0];
    const read = await readBy(async () => {
      const bound = [];
      for (let n = 0; n < 50; n += 1)
        bound.push({ ...(await openAndBind(pool, [line(hot)])), eventIds: [`evt_${n}`] });
      const before = await rowsRead();
      expect((await confirmCheckouts(client, bound)).every((answer) => answer?.status === 'confirmed')).toBe(
        true,
      );
      expect((await rowsRead()) - before).toBeLessThan(50 * 25);
    });
    expect(read).toBeLessThan(50 * 100);
  });

  test('cleanup and purge with nothing due, and what is available', async () => {
    expect(await readBy(() => cleanupExpiredReservations(client))).toBeLessThan(10);
    expect(await readBy(() => purgeEndedReservations(client))).toBeLessThan(10);
    expect(await readBy(() => readAvailability(client, [hot, soldOut]))).toBeLessThan(10);
  });
});

test.each([
  ['the counter', 'update drop_products set available_inventory = available_inventory - 1 where id = $1 and available_inventory >= 1', 'drop_products_pkey'],
  ['dead holds of a product', 'select id from reclaimable_reservations where drop_product_id = $1 and reclaim_after <= now()', 'inventory_reservations_due'],
  ['what a checkout was not told of', `select ${unheardEvents('$1::uuid')}`, 'webhook_events_unjudged'],
  ['a replay', 'select 1 from inventory_reservations where payment_intent_id = $1::uuid::text', 'payment_intent'],
])('EXPLAIN of %s uses its index', async (_what, sql, index) => {
  await client.query('set enable_seqscan = off');
  const { rows } = await client.query<{ 'QUERY PLAN': unknown }>(`explain (format json) ${sql}`, [soldOut]);
  await client.query('reset enable_seqscan');
  const plan = JSON.stringify(rows);
  expect(plan).toContain(index);
  expect(plan).not.toContain('Seq Scan');
}); // prettier-ignore
