// The migration runner, and the schema it leaves behind.
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { migrate, MIGRATIONS_DIRECTORY, readMigrations, requireCurrentSchema } from '../../db/migrate';
import { createPool } from '../../db/pool';
import { dumpSchema } from '../../db/schema-dump';
import { createEmptyDatabase } from '../support/database';

let db: Awaited<ReturnType<typeof createEmptyDatabase>>;
let directory: string;
beforeEach(async () => {
  db = await createEmptyDatabase();
  directory = await mkdtemp(join(tmpdir(), 'holdfast-migrations-'));
  await cp(MIGRATIONS_DIRECTORY, directory, { recursive: true });
});
afterEach(async () => {
  await db.drop();
  await rm(directory, { recursive: true });
});

test('the first run applies every file in order, the second none', async () => {
  const names = (await readMigrations()).map((file) => file.name);
  expect((await migrate(db.url)).applied).toEqual(names);
  expect((await migrate(db.url)).applied).toEqual([]);
});

test('twenty at once apply every file once', async () => {
  const runs = await Promise.all(Array.from({ length: 20 }, () => migrate(db.url)));
  const names = (await readMigrations()).map((file) => file.name);
  expect(runs.flatMap((run) => run.applied).sort()).toEqual(names);
});

test('an applied file that was edited is refused, whatever its line endings', async () => {
  await migrate(db.url, { directory });
  const file = join(directory, '0002_drops.sql');
  const sql = await readFile(file, 'utf8');
  await writeFile(file, sql.replaceAll('\n', '\r\n'));
  expect((await migrate(db.url, { directory })).applied).toEqual([]);
  await writeFile(file, `${sql}\n-- edited`);
  await expect(migrate(db.url, { directory })).rejects.toThrow(
    '0002_drops.sql was edited after it was applied',
  );
});

test('a database that a newer version migrated is refused', async () => {
  await writeFile(join(directory, '9999_newer.sql'), 'select 1;');
  await migrate(db.url, { directory });
  await expect(migrate(db.url)).rejects.toThrow('has migration 9999_newer.sql, which is not here');
});

test('a new file before an applied one is refused', async () => {
  await migrate(db.url, { directory });
  await writeFile(join(directory, '0001_earlier.sql'), 'select 1;');
  await expect(migrate(db.url, { directory })).rejects.toThrow('0001_earlier.sql comes before');
});

test('a file that fails leaves nothing behind, and the ones before it stay', async () => {
  await writeFile(join(directory, '9999_bad.sql'), 'create table half (id integer); select 1 / 0;');
  await expect(migrate(db.url, { directory })).rejects.toThrow('9999_bad.sql failed and left nothing behind');
  await writeFile(join(directory, '9999_bad.sql'), 'create table half (id integer);');
  expect((await migrate(db.url, { directory })).applied).toEqual(['9999_bad.sql']);
});

test('a file with another kind of name is refused', async () => {
  await writeFile(join(directory, 'notes.sql'), '');
  await expect(migrate(db.url, { directory })).rejects.toThrow('notes.sql is not named');
});

test('a process that does not migrate refuses a database that is behind', async () => {
  const pool = createPool({ connectionString: db.url, applicationName: 'holdfast-test' });
  try {
    await expect(requireCurrentSchema(pool)).rejects.toThrow('lacks migration 0001_installation.sql');
    await migrate(db.url);
    await requireCurrentSchema(pool);
    await pool.query(`delete from schema_migrations where name = (select max(name) from schema_migrations)`);
    await expect(requireCurrentSchema(pool)).rejects.toThrow('lacks migration');
  } finally {
    await pool.end();
  }
});

test('db/schema.sql is what the migrations make', async () => {
  await migrate(db.url);
  const committed = await readFile(join(MIGRATIONS_DIRECTORY, '../schema.sql'), 'utf8');
  expect(await dumpSchema(db.url)).toBe(committed);
});
