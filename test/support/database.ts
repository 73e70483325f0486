// A database of its own for every test that wants one: cloned from a template that is migrated and seeded once per run.
import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import type { Pool } from 'pg';

import { migrate, readMigrations } from '../../db/migrate';
import { createPool } from '../../db/pool';
import { seedDemoDrop } from '../../db/seed';

export interface TestDatabase {
  url: string;
  pool: Pool;
  /** This database's installation id; Stripe account and namespace are free for the first claim. */
  holdfastEnv: string;
  /** Fails when a client was not given back to the pool; removes the database either way. */
  drop(): Promise<void>;
}

const SERVER_URL_VARIABLE = 'HOLDFAST_TEST_POSTGRES_URL';
const LOCK_KEY = 0x74657374;
const BUILD_MS = 60_000;

/** Migrated, with the demo drop. Call `drop` when done, in `afterAll` or `finally`. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const template = await ensureTemplate();
  const name = `holdfast_test_${randomBytes(6).toString('hex')}`;
  await onServer((client) => client.query(`create database ${name} template ${template}`));
  const url = databaseUrl(name);
  const pool = createPool({ connectionString: url, applicationName: 'holdfast-test' });
  const holdfastEnv = `test_${randomBytes(8).toString('hex')}`;
  await pool.query('insert into installation (holdfast_env) values ($1)', [holdfastEnv]);
  return { url, pool, holdfastEnv, drop: () => dropDatabase(name, pool) };
}

/** An empty database, for tests of the migrations themselves. */
export async function createEmptyDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `holdfast_test_${randomBytes(6).toString('hex')}`;
  await onServer((client) => client.query(`create database ${name}`));
  return {
    url: databaseUrl(name),
    drop: async () => {
      await onServer((client) => client.query(`drop database ${name} with (force)`));
    },
  };
}

/**
 * Lets time pass for one checkout: its deadline and lease move this far into the past. The product has no clock to turn.
 */
export async function ageCheckout(pool: Pool, checkoutId: string, seconds: number): Promise<void> {
  const shift = [checkoutId, seconds];
  await pool.query(
    'update checkouts set expires_at = expires_at - make_interval(secs => $2) where id = $1',
    shift,
  );
  await pool.query(
    `update inventory_reservations
     set expires_at = expires_at - make_interval(secs => $2), reclaim_after = reclaim_after - make_interval(secs => $2)
     where checkout_id = $1`,
    shift,
  );
}

async function dropDatabase(name: string, pool: Pool): Promise<void> {
  const leaked = pool.totalCount - pool.idleCount;
  if (leaked === 0) await pool.end();
  await onServer((client) => client.query(`drop database if exists ${name} with (force)`));
  if (leaked > 0) throw new Error(`${leaked} database client(s) were not released`);
}

/** The template's name. Built under a lock and renamed when complete, so that a crash leaves no half of one behind. */
async function ensureTemplate(): Promise<string> {
  const template = `holdfast_template_${await templateHash()}`;
  await onServer(async (client) => {
    await client.query('select pg_advisory_lock($1)', [LOCK_KEY]);
    const known = await client.query('select 1 from pg_database where datname = $1', [template]);
    if (known.rowCount !== 0) return;
    const draft = `${template}_draft`;
    await client.query(`drop database if exists ${draft} with (force)`);
    await client.query(`create database ${draft}`);
    const url = databaseUrl(draft);
    await migrate(url);
    const pool = createPool({ connectionString: url, applicationName: 'holdfast-test-template', max: 1 });
    try {
      await seedDemoDrop(pool);
    } finally {
      await pool.end();
    }
    await client.query(`alter database ${draft} rename to ${template}`);
  });
  return template;
}

/** Another migration or seed is another template; a server that outlives a run keeps both apart. */
async function templateHash(): Promise<string> {
  const hash = createHash('sha256');
  for (const { name, checksum } of await readMigrations()) hash.update(`${name} ${checksum}\n`);
  hash.update(await readFile(join(__dirname, '../../db/seed.ts')));
  return hash.digest('hex').slice(0, 16);
}

async function onServer<T>(act: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({
    connectionString: serverUrl(),
    application_name: 'holdfast-test-server',
    statement_timeout: BUILD_MS,
    lock_timeout: BUILD_MS,
  });
  await client.connect();
  try {
    return await act(client);
  } finally {
    await client.end();
  }
}

function databaseUrl(name: string): string {
  const url = new URL(serverUrl());
  url.pathname = `/${name}`;
  return url.href;
}

function serverUrl(): string {
  const url = process.env[SERVER_URL_VARIABLE];
  if (!url) throw new Error(`${SERVER_URL_VARIABLE} is not set: run jest with its global set-up.`);
  return url;
}
