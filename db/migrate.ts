// Brings a database to the newest schema: plain SQL files, forward only, one transaction each, never edited once applied.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Client } from 'pg';

import { queryRows } from './query';
import type { Db } from './query';

export interface Migration {
  name: string;
  sql: string;
  checksum: string;
}

export interface MigrateOptions {
  /** A line for each file that is applied. */
  log?: (line: string) => void;
  /** Where the files are; the product's own unless a test says otherwise. */
  directory?: string;
}

/** The database and the files disagree. The message says which file and what to do. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

export const MIGRATIONS_DIRECTORY = join(__dirname, 'migrations');
const FILE_NAME = /^\d{4}_[a-z0-9_]+\.sql$/;

/** Any number, as long as nobody else uses it: 'hold' in ASCII. */
const LOCK_KEY = 0x686f6c64;
const LOCK_WAIT_MS = 120_000;
const FILE_RUN_MS = 300_000;
const CONNECT_MS = 10_000;
/**
 * How long a file waits for one lock: buyers queue up behind it. Shorter than PostgreSQL's deadlock_timeout (1 s), so that of a file
 * and a sale that wait for each other it is always the file that gives up.
 */
const FILE_LOCK_WAIT_MS = 250;
/** Between two tries, for those who waited. */
const TRY_AGAIN_MS = 500;
const TRIES_MAX = 100;
const LOCK_NOT_AVAILABLE = '55P03';
const DEADLOCK = '40P01';

/**
 * Applies what is missing, in order, and answers the names. Any number of processes may do it at once: they take turns, and
 * the later ones find nothing to do.
 * @throws MigrationError when an applied file was edited or is gone (a newer Holdfast was here), or a file fails.
 */
export async function migrate(
  connectionString: string,
  options: MigrateOptions = {},
): Promise<{ applied: string[] }> {
  const files = await readMigrations(options.directory);
  const client = new Client({
    connectionString,
    application_name: 'holdfast-migrate',
    connectionTimeoutMillis: CONNECT_MS,
    statement_timeout: FILE_RUN_MS,
    lock_timeout: LOCK_WAIT_MS,
  });
  await client.connect();
  try {
    // Held by the session, so it spans the files' transactions and ends with the connection whatever happens.
    await client.query('select pg_advisory_lock($1)', [LOCK_KEY]);
    const pending = await findPending(client, files);
    for (const file of pending) {
      await apply(client, file);
      options.log?.(`migrated ${file.name}`);
    }
    return { applied: pending.map((file) => file.name) };
  } finally {
    await client.end();
  }
}

/**
 * For processes that do not migrate themselves: the schema must be exactly the one this version knows.
 * @throws MigrationError naming the first file that is missing, edited or unknown.
 */
export async function requireCurrentSchema(db: Db): Promise<void> {
  const files = await readMigrations();
  const exists = await queryRows(db, "select 1 where to_regclass('schema_migrations') is not null", []);
  const rows = exists.length === 0 ? [] : await readApplied(db);
  const missing = comparePrefix(rows, files)[0];
  if (missing !== undefined) {
    throw new MigrationError(`The database lacks migration ${missing.name}. Run "npm run db:migrate" first.`);
  }
}

/** The files in order, with the SHA-256 of their text; line endings do not count. */
export async function readMigrations(directory: string = MIGRATIONS_DIRECTORY): Promise<Migration[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    names.map(async (name) => {
      if (!FILE_NAME.test(name)) throw new MigrationError(`${name} is not named NNNN_words.sql.`);
      const sql = (await readFile(join(directory, name), 'utf8')).replaceAll('\r\n', '\n');
      return { name, sql, checksum: createHash('sha256').update(sql, 'utf8').digest('hex') };
    }),
  );
}

async function findPending(client: Client, files: readonly Migration[]): Promise<Migration[]> {
  await client.query(`
    create table if not exists schema_migrations (
      name text primary key,
      checksum text not null,
      applied_at timestamptz not null default clock_timestamp()
    )`);
  return comparePrefix(await readApplied(client), files);
}

interface AppliedRow {
  name: string;
  checksum: string;
}

async function readApplied(db: Db): Promise<AppliedRow[]> {
  return queryRows<AppliedRow>(
    db,
    'select name, checksum from schema_migrations order by name collate "C"',
    [],
  );
}

/** What is still to be applied, once the applied ones are known to be the same as here. */
function comparePrefix(rows: readonly AppliedRow[], files: readonly Migration[]): Migration[] {
  for (const [index, row] of rows.entries()) requireSame(row, files[index]);
  return files.slice(rows.length);
}

/** What was applied must be the beginning of what is here: the same files, in the same order, with the same text. */
function requireSame(row: AppliedRow, file: Migration | undefined): void {
  if (file === undefined || file.name > row.name) {
    throw new MigrationError(
      `The database has migration ${row.name}, which is not here: a newer version ran against it. Update first.`,
    );
  }
  if (file.name < row.name) {
    throw new MigrationError(
      `Migration ${file.name} comes before ${row.name}, which is applied. Give it a new number.`,
    );
  }
  if (file.checksum !== row.checksum) {
    throw new MigrationError(
      `Migration ${file.name} was edited after it was applied. Restore it and add a new file.`,
    );
  }
}

/** A shop that sells meanwhile may stand in the way of a file; it left nothing behind, so it is tried again. */
async function apply(client: Client, file: Migration): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await applyOnce(client, file);
    } catch (err) {
      if (!isInTheWay(err) || tries === TRIES_MAX) throw err;
    }
    await setTimeout(TRY_AGAIN_MS);
  }
}

function isInTheWay(err: unknown): boolean {
  const code = err instanceof MigrationError && (err.cause as { code?: unknown }).code;
  return code === LOCK_NOT_AVAILABLE || code === DEADLOCK;
}

async function applyOnce(client: Client, file: Migration): Promise<void> {
  try {
    await client.query('begin');
    await client.query(`set local lock_timeout = ${FILE_LOCK_WAIT_MS}`);
    await client.query('insert into schema_migrations (name, checksum) values ($1, $2)', [
      file.name,
      file.checksum,
    ]);
    await client.query(file.sql);
    await client.query('commit');
  } catch (err) {
    await client.query('rollback').catch(() => undefined);
    const reason = err instanceof Error ? err.message : String(err);
    throw new MigrationError(`Migration ${file.name} failed and left nothing behind: ${reason}`, {
      cause: err,
    });
  }
}
