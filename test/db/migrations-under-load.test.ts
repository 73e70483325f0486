// Each released migration, applied to a shop that is selling: nothing that was answered is lost, and nobody is refused for it.
import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pool } from 'pg';

import { bindPaymentIntent, confirmCheckout, openCheckout } from '../../db/checkouts';
import { isRetryableDatabaseError } from '../../db/errors';
import { migrate, MIGRATIONS_DIRECTORY, readMigrations } from '../../db/migrate';
import { createPool } from '../../db/pool';
import { createEmptyDatabase } from '../support/database';
import { until } from '../support/until';
import {
  available,
  confirm,
  createProduct,
  expectNoDrift,
  line,
  openInput,
  reserve,
  unitsByStatus,
} from './support';

/** The first schema that can sell. */
const FIRST = '0014_invariants.sql';
const BUYERS = 6;
const TRIES_MAX = 20;

let db: Awaited<ReturnType<typeof createEmptyDatabase>>;
let directory: string;
let pool: Pool;
beforeAll(async () => {
  db = await createEmptyDatabase();
  directory = await mkdtemp(join(tmpdir(), 'holdfast-migrations-'));
  pool = createPool({ connectionString: db.url, applicationName: 'holdfast-buyers' });
});
afterAll(async () => {
  await pool.end();
  await db.drop();
  await rm(directory, { recursive: true });
});

/** As a worker does it: what may be tried again is, under the same key. */
async function persistently<T>(act: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await act();
    } catch (err) {
      if (!isRetryableDatabaseError(err) || tries === TRIES_MAX) throw err;
    }
  }
}

async function buyOnce(product: string, round: number): Promise<'bare' | 'checkout'> {
  const id = `pi_${randomUUID()}`;
  if (round % 3 === 0) {
    expect(await persistently(() => reserve(pool, id, [line(product)]))).toBe(true);
    expect(await persistently(() => confirm(pool, id))).toBe(true);
    return 'bare';
  }
  const input = openInput([line(product)], { customerId: randomUUID() });
  const { checkoutId } = input;
  expect(await persistently(() => openCheckout(pool, input))).toMatchObject({ outcome: 'opened' });
  await persistently(() => bindPaymentIntent(pool, { checkoutId, paymentIntentId: id }));
  const paid = { checkoutId, paymentIntentId: id, eventIds: [] };
  expect(await persistently(() => confirmCheckout(pool, paid))).toMatchObject({ status: 'confirmed' });
  return 'checkout';
}

test('every file from the first that can sell, one by one, while buyers buy', async () => {
  const files = (await readMigrations()).map((file) => file.name);
  const add = (name: string) => cp(join(MIGRATIONS_DIRECTORY, name), join(directory, name));
  for (const name of files.filter((file) => file <= FIRST)) await add(name);
  await migrate(db.url, { directory });
  const product = await createProduct(pool, { total: 100_000 });

  let isOver = false;
  const bought = { bare: 0, checkout: 0 };
  const buyers = Array.from({ length: BUYERS }, async () => {
    for (let round = 0; !isOver; round += 1) bought[await buyOnce(product, round)] += 1;
  });
  const total = () => bought.bare + bought.checkout;
  try {
    for (const name of files.filter((file) => file > FIRST)) {
      const before = total();
      await add(name);
      expect(await migrate(db.url, { directory })).toEqual({ applied: [name] });
      // Sales go on after each one.
      while (total() < before + BUYERS)
        await Promise.race([...buyers, new Promise((resolve) => setImmediate(resolve))]);
    }
  } finally {
    isOver = true;
    await Promise.all(buyers);
  }
  expect(await unitsByStatus(pool, product)).toEqual({ confirmed: total() });
  expect(await available(pool, product)).toBe(100_000 - total());
  const { rows } = await pool.query<{ orders: number }>('select count(*)::integer as orders from orders');
  expect(rows).toEqual([{ orders: bought.checkout }]);
  await expectNoDrift(pool);
});

test('a file that has to wait for a table keeps buyers waiting for moments only, and is applied once it is free', async () => {
  const old = await createEmptyDatabase();
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-migrations-'));
  const oldPool = createPool({ connectionString: old.url, applicationName: 'holdfast-old' });
  const slow = await oldPool.connect();
  try {
    await cp(MIGRATIONS_DIRECTORY, folder, { recursive: true });
    await migrate(old.url, { directory: folder });
    const product = await createProduct(oldPool, { total: 10 });
    await slow.query('begin');
    await slow.query('select 1 from inventory_reservations'); // a report, or a backup
    const next = '9999_wants_the_table.sql';
    await writeFile(join(folder, next), 'lock table inventory_reservations in access exclusive mode;');
    const migrating = migrate(old.url, { directory: folder });
    await until('the file waits for the table', () => waitsForTable(oldPool));
    // Its statement timeout is 1.8 s: a buyer behind a file that waited on and on would be refused.
    for (let n = 0; n < 5; n += 1) expect(await reserve(oldPool, `pi_${n}`, [line(product)])).toBe(true);
    await slow.query('commit');
    expect(await migrating).toEqual({ applied: [next] });
    expect(await unitsByStatus(oldPool, product)).toEqual({ held: 5 });
  } finally {
    slow.release();
    await oldPool.end();
    await old.drop();
    await rm(folder, { recursive: true });
  }
});

async function waitsForTable(anyPool: Pool): Promise<boolean> {
  const { rows } = await anyPool.query(
    `select 1 from pg_locks where not granted and relation = 'inventory_reservations'::regclass`,
  );
  return rows.length > 0;
}

test('a product the journal has never heard of gets an opening balance', async () => {
  const old = await createEmptyDatabase();
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-migrations-'));
  const oldPool = createPool({ connectionString: old.url, applicationName: 'holdfast-old' });
  try {
    const files = (await readMigrations()).map((file) => file.name);
    for (const name of files.filter((file) => file <= FIRST)) {
      await cp(join(MIGRATIONS_DIRECTORY, name), join(folder, name));
    }
    await migrate(old.url, { directory: folder });
    const product = await createProduct(oldPool, { total: 10 });
    for (const id of ['pi_1', 'pi_2']) await reserve(oldPool, id, [line(product, 2)]);
    await confirm(oldPool, 'pi_1');
    await oldPool.query('delete from inventory_journal');
    await migrate(old.url);
    await expectNoDrift(oldPool);
  } finally {
    await oldPool.end();
    await old.drop();
    await rm(folder, { recursive: true });
  }
});
