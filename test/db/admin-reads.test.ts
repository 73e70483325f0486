// What operators look at stays cheap when the shop has sold a lot: the tables are not read through.
import { listEvents, listHeldReservations } from '../../db/admin-reads';
import type { Db } from '../../db/query';
import { createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import { createProduct, required, withoutTimeout } from './support';

const ROWS = 50_000;
const FEW = 20;
const PAGE = { limit: 10, after: null };

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
  const product = await createProduct(db.pool, { total: ROWS });
  await withoutTimeout(
    db.pool,
    `insert into webhook_events (event_id, type, livemode, stripe_created_at, payload, outcome, judged_at, received_at)
     select 'evt_' || n, 'payment_intent.created', false, now(), '{}', case when n <= $1 - $2 then 'no_effect' end,
       case when n <= $1 - $2 then now() end, now() - n * interval '1 second'
     from generate_series(1, $1::int) n`,
    [ROWS, FEW],
  );
  await withoutTimeout(
    db.pool,
    `with held as (
       insert into inventory_reservations (drop_product_id, quantity, payment_intent_id, expires_at)
       select $1, 1, 'bare_' || n, now() + interval '1 hour' + n * interval '1 ms'
       from generate_series(1, $2::int) n returning 1)
     update drop_products set available_inventory = 0 where id = $1`,
    [product, ROWS],
  );
  await withoutTimeout(db.pool, 'analyze webhook_events, inventory_reservations, drop_products', []);
});
afterAll(() => db.drop());

/** Rows of `table` that `read` has fetched, by index or by scan. */
async function rowsRead(table: string, read: (db: Db) => Promise<unknown>): Promise<number> {
  const client = await db.pool.connect();
  const count = async () => {
    const { rows } = await client.query<{ read: number }>(
      `select (seq_tup_read + coalesce(idx_tup_fetch, 0))::integer as read
       from pg_stat_xact_user_tables where relname = $1`,
      [table],
    );
    return required(rows[0]).read;
  };
  try {
    await client.query('begin');
    const before = await count();
    await read(client);
    return (await count()) - before;
  } finally {
    await client.query('rollback');
    client.release();
  }
}

test.each(['unjudged', 'quarantined'] as const)('events that are %s are found among many', async (state) => {
  const read = await rowsRead('webhook_events', (client) =>
    listEvents(client, { state, checkoutId: null }, PAGE),
  );
  expect(read).toBeLessThan(10 * FEW);
});

test('a page of all events, and of many held reservations, reads little more than the page', async () => {
  const filter = { state: 'all', checkoutId: null } as const;
  expect(await rowsRead('webhook_events', (client) => listEvents(client, filter, PAGE))).toBeLessThan(50);
  const held = (client: Db) => listHeldReservations(client, { dropProductId: null }, PAGE);
  expect(await rowsRead('inventory_reservations', held)).toBeLessThan(500);
});

test('pages of rows with one instant miss none and show none twice', async () => {
  await withoutTimeout(
    db.pool,
    `update inventory_reservations set reclaim_after = now() + interval '2 hours'`,
    [],
  );
  const seen: string[] = [];
  let page = await listHeldReservations(db.pool, { dropProductId: null }, { limit: 100, after: null });
  for (let i = 0; i < 5 && page.next !== null; i += 1) {
    seen.push(...page.items.map((item) => item.reservation_id));
    page = await listHeldReservations(db.pool, { dropProductId: null }, { limit: 100, after: page.next });
  }
  expect(new Set(seen).size).toBe(500);
});
