// Reconciliation reads what it compares, and not the 200,000 checkouts that have closed long ago. Counted in rows read.
import type { PoolClient } from 'pg';

import { listCheckoutsToReconcile } from '../../db/reconciliation';
import { createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import { required } from './support';

const CLOSED_LONG_AGO = 200_000;
const LIMIT = 200;
const CLOSED_SECONDS = 2 * 86_400;

let db: TestDatabase;
let client: PoolClient;
let wanted: string[];

beforeAll(async () => {
  db = await createTestDatabase();
  client = await db.pool.connect();
  await client.query(`set statement_timeout = '60 s'`);
  // Closing instants are set by a trigger, and some of these lie in the past.
  await client.query('alter table checkouts disable trigger user');
  await fill(CLOSED_LONG_AGO, 'refused', '9 days');
  await fill(100, 'opening', null, '10 seconds');
  wanted = [
    ...(await fill(300, 'opening', null)),
    ...(await fill(50, 'refund_pending', '9 days')),
    ...(await fill(100, 'refused', '1 day')),
  ].sort();
  await client.query('alter table checkouts enable trigger user');
  await client.query('analyze checkouts');
}, 120_000);
afterAll(async () => {
  client.release();
  await db.drop();
});

/** Checkouts of one status; answers their ids. */
async function fill(
  count: number,
  status: string,
  closedAgo: string | null,
  openedAgo = '10 days',
): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    `insert into checkouts
       (id, request_fingerprint, status, failure_code, payment_intent_id, amount_minor, currency, opened_at, expires_at, closed_at)
     select gen_random_uuid(), 'f', $2, case when $2 = 'refused' then 'drop_not_open' end,
       case when $2 = 'refund_pending' then 'pi_plan_' || n end, 1000, 'usd', now() - $4::interval, now(), now() - $3::interval
     from generate_series(1, $1) n
     returning id`,
    [count, status, closedAgo, openedAgo],
  );
  return rows.map(({ id }) => id);
}

async function rowsRead(): Promise<number> {
  const { rows } = await client.query<{ read: number }>(
    `select (seq_tup_read + coalesce(idx_tup_fetch, 0))::integer as read from pg_stat_xact_user_tables
     where relname = 'checkouts'`,
  );
  return required(rows[0]).read;
}

test('every page together lists each of them once, and reads a few rows for each', async () => {
  const listed: string[] = [];
  await client.query('begin');
  const before = await rowsRead();
  for (let afterId: string | null = null; ; afterId = listed.at(-1) ?? null) {
    const page = await listCheckoutsToReconcile(client, {
      afterId,
      limit: LIMIT,
      closedSeconds: CLOSED_SECONDS,
    });
    listed.push(...page.map(({ checkoutId }) => checkoutId));
    if (page.length < LIMIT) break;
  }
  const read = (await rowsRead()) - before;
  await client.query('rollback');
  expect(listed).toEqual(wanted);
  expect(read).toBeLessThan(10 * wanted.length);
});
