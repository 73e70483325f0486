// A payment that comes in at the very instant its hold dies: one of the two wins, and the answer says which.
import type { Pool } from 'pg';

import { cleanupExpiredReservations } from '../../../db/cleanup';
import { createPool } from '../../../db/pool';
import { createTestDatabase } from '../../support/database';
import { confirm, createProducts, expectNoDrift, required } from '../support';
import { createRandom } from './random';

const HOLDS = 5_000;
const LANES = 12;

test('5,000 holds confirmed 10 ms before to 6 ms after their death, against two cleaners: answer = final row', async () => {
  const db = await createTestDatabase();
  const crowd = createPool({
    connectionString: db.url, applicationName: 'holdfast-crowd', max: LANES + 2,
    statementTimeoutMs: 20_000, lockTimeoutMs: 20_000, connectionTimeoutMs: 30_000,
  }); // prettier-ignore
  try {
    const products = await createProducts(db.pool, 2, { total: HOLDS });
    const ids = Array.from({ length: HOLDS }, (_, n) => `pi_race_${n}`);
    await createHolds(db.pool, ids, products);
    const answers = new Map<string, boolean>();
    const waiting = [...ids];
    let isOver = false;
    const cleaners = [1, 2].map(async () => {
      while (!isOver) await cleanupExpiredReservations(crowd);
    });
    const lane = async (_: unknown, n: number): Promise<void> => {
      const random = createRandom(n);
      for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
        await letDie(crowd, id, -6 + 16 * random.next());
        answers.set(id, await confirm(crowd, id));
      }
    };
    try {
      await Promise.all(Array.from({ length: LANES }, lane));
    } finally {
      isOver = true;
      await Promise.all(cleaners);
    }
    await cleanupExpiredReservations(db.pool);
    const { rows } = await db.pool.query<{ id: string; status: string }>(
      `select payment_intent_id as id, string_agg(distinct status, ' and ') as status
       from inventory_reservations group by 1`,
    );
    const told = new Map(
      [...answers].map(([id, isConfirmed]) => [id, isConfirmed ? 'confirmed' : 'expired']),
    );
    expect(new Map(rows.map((row) => [row.id, row.status]))).toEqual(told);
    // Both must have happened, or nothing was raced.
    expect(new Set(answers.values()).size).toBe(2);
    for (const id of ids.slice(0, 200)) expect(await confirm(crowd, id)).toBe(answers.get(id));
    await expectNoDrift(db.pool);
    await db.pool.query('select pg_stat_force_next_flush()');
    const deadlocks = await db.pool.query<{ deadlocks: number }>(
      'select deadlocks::integer from pg_stat_database where datname = current_database()',
    );
    expect(required(deadlocks.rows[0]).deadlocks).toBe(0);
  } finally {
    await crowd.end();
    await db.drop();
  }
});

/** Bare holds of one unit of each product, all at once. */
async function createHolds(pool: Pool, ids: readonly string[], products: readonly string[]): Promise<void> {
  await pool.query(
    `with held as (
       insert into inventory_reservations (drop_product_id, quantity, payment_intent_id, expires_at, reclaim_after)
       select product, 1, id, clock.at, clock.at
       from unnest($1::text[]) as id, unnest($2::uuid[]) as product,
         (select clock_timestamp() + interval '1 hour' as at) as clock
     )
     update drop_products set available_inventory = available_inventory - $3 where id = any ($2)`,
    [ids, products, ids.length],
  );
}

async function letDie(pool: Pool, id: string, inMs: number): Promise<void> {
  await pool.query(
    `update inventory_reservations r set expires_at = clock.at, reclaim_after = clock.at
     from (select clock_timestamp() + make_interval(secs => $2) as at) as clock where r.payment_intent_id = $1`,
    [id, inMs / 1_000],
  );
}
