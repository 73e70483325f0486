// How the database fails: what is bounded, what is worth asking again, and what a transaction leaves behind.
import { Client } from 'pg';

import { openCheckout } from '../../db/checkouts';
import { isRetryableDatabaseError } from '../../db/errors';
import { createPool, withTransaction } from '../../db/pool';
import { createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import { available, createProduct, line, openInput, required } from './support';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());

async function errorOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => new Error('expected a failure'),
    (err: unknown) => err,
  );
}

test('a statement that hangs is cut off before a local activity would be', async () => {
  const startedAt = Date.now();
  const err = await errorOf(db.pool.query('select pg_sleep(30)'));
  expect(err).toMatchObject({ code: '57014' });
  expect(isRetryableDatabaseError(err)).toBe(true);
  expect(Date.now() - startedAt).toBeLessThan(2_000);
});

test('waiting for a lock ends, changes nothing, and may be repeated', async () => {
  const product = await createProduct(db.pool, { total: 3 });
  const input = openInput([line(product)]);
  const blocker = await db.pool.connect();
  try {
    await blocker.query('begin');
    await blocker.query('select 1 from drop_products where id = $1 for update', [product]);
    const err = await errorOf(openCheckout(db.pool, input));
    expect(err).toMatchObject({ code: '55P03' });
    expect(isRetryableDatabaseError(err)).toBe(true);
    await blocker.query('rollback');
  } finally {
    blocker.release();
  }
  expect((await openCheckout(db.pool, input)).outcome).toBe('opened');
  expect(await available(db.pool, product)).toBe(2);
});

test('a connection that the server ends is retryable, told to the log when idle, and replaced', async () => {
  const logged: string[] = [];
  const pool = createPool({
    connectionString: db.url,
    applicationName: 'holdfast-broken',
    max: 1,
    log: { error: (_fields, message) => void logged.push(message) },
  });
  try {
    const terminate = `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name = 'holdfast-broken' and datname = current_database()`;
    const err = await errorOf(pool.query('select pg_terminate_backend(pg_backend_pid())'));
    expect(isRetryableDatabaseError(err)).toBe(true);
    await pool.query('select 1');
    const removed = new Promise((resolve) => pool.once('remove', resolve));
    await db.pool.query(terminate);
    await removed;
    expect(logged).toEqual(['idle database connection broke']);
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  } finally {
    await pool.end();
  }
});

test('a pool whose connections are all taken says so in bounded time', async () => {
  const pool = createPool({
    connectionString: db.url,
    applicationName: 'holdfast-small',
    max: 1,
    connectionTimeoutMs: 100,
  });
  const client = await pool.connect();
  try {
    const err = await errorOf(pool.query('select 1'));
    expect(isRetryableDatabaseError(err)).toBe(true);
  } finally {
    client.release();
    await pool.end();
  }
});

test('a server that is not there is retryable; a wrong statement is not', async () => {
  const absent = new Client({ host: '127.0.0.1', port: 1, connectionTimeoutMillis: 1_000 });
  expect(isRetryableDatabaseError(await errorOf(absent.connect()))).toBe(true);
  expect(isRetryableDatabaseError(await errorOf(db.pool.query('select nonsense')))).toBe(false);
  expect(isRetryableDatabaseError(new Error('connection to Stripe lost'))).toBe(false);
});

test('a transaction that throws leaves nothing, and its connection is free again', async () => {
  const product = await createProduct(db.pool, { total: 3 });
  await expect(
    withTransaction(db.pool, async (client) => {
      await openCheckout(client, openInput([line(product)]));
      throw new Error('on purpose');
    }),
  ).rejects.toThrow('on purpose');
  expect(await available(db.pool, product)).toBe(3);
  expect(required(await withTransaction(db.pool, async () => 7))).toBe(7);
  expect(db.pool.totalCount - db.pool.idleCount).toBe(0);
});

test('a test database that leaked a client says so when dropped', async () => {
  const leaky = await createTestDatabase();
  const client = await leaky.pool.connect();
  client.on('error', () => undefined);
  await expect(leaky.drop()).rejects.toThrow('1 database client(s) were not released');
  client.release(true);
  await leaky.pool.end();
});
