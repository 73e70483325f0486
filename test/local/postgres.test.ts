// The embedded PostgreSQL where it is hard: as root, in closed folders, after a kill, with another program on its port.
import { spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Client } from 'pg';
import { startPostgres } from '../../local/postgres';
import type { RunningPostgres } from '../../local/postgres';
import { asAccount, canEnter, chooseAccount } from '../../local/postgres/account';
import { prepareBinaries } from '../../local/postgres/binaries';
import { reachableFolder } from '../../local/postgres/place';
import { identify, isRunning, readStartTime } from '../../local/processes/identity';
import { run } from '../../local/processes/run';
import { until } from '../support/until';

const isRoot = process.getuid?.() === 0;
const servers: RunningPostgres[] = [];
let folder: string;
let lines: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast pg-')); // mode 0700, as `mktemp -d` makes it, and a space in its name
  lines = [];
});
afterEach(async () => {
  const started = servers.splice(0);
  await Promise.all(started.map((server) => server.stop()));
  // Only then: two of them may have had the same place, one after the other.
  for (const { place } of started) rmSync(place, { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
});

async function start(dataDir: string, port = 0): Promise<RunningPostgres> {
  const server = await startPostgres({ dataDir, port, durable: false, log: (line) => lines.push(line) });
  servers.push(server);
  return server;
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new Client(url);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

test('in a 0700 folder it runs, says where its data went, and finds it again', async () => {
  const dataDir = join(folder, 'clone', '.holdfast');
  const first = await start(dataDir);
  await query(first.url, 'create table kept as select 42 as answer');
  await first.stop();
  const isElsewhere = lstatSync(join(dataDir, 'postgres')).isSymbolicLink();
  expect(isElsewhere).toBe(isRoot);
  if (isRoot) {
    expect(lines.join('\n')).toContain(`PostgreSQL's data is in ${first.place}`);
    expect(first.place.startsWith(folder)).toBe(false);
  }
  const second = await start(dataDir);
  expect(second.place).toBe(first.place);
  expect(await query(second.url, 'select answer from kept')).toEqual([{ answer: 42 }]);
});

test('in a folder open to its user it stays inside, and the folder shows nothing to others', async () => {
  chmodSync(folder, 0o711);
  const dataDir = join(folder, '.holdfast');
  const server = await start(dataDir);
  expect(server.place).toBe(join(dataDir, 'postgres'));
  expect(lstatSync(dataDir).mode & 0o777).toBe(0o711);
  expect(lstatSync(server.place).mode & 0o777).toBe(0o700);
});

test('a data folder that was deleted begins anew: the old cluster is not found through a stale link', async () => {
  const dataDir = join(folder, '.holdfast');
  const first = await start(dataDir);
  await query(first.url, 'create table old (x int)');
  await first.stop();
  rmSync(dataDir, { recursive: true });
  const second = await start(dataDir);
  expect(await query(second.url, "select to_regclass('old') as old")).toEqual([{ old: null }]);
});

test('it takes UTF-8, sorts the same on every machine, listens on the loopback interface and wants a password', async () => {
  const { url, port } = await start(join(folder, '.holdfast'));
  expect(
    await query(
      url,
      `select datcollate, datlocale, pg_encoding_to_char(encoding) as encoding, current_setting('listen_addresses') as address
         from pg_database where datname = current_database()`,
    ),
  ).toEqual([{ datcollate: 'C', datlocale: 'C.UTF-8', encoding: 'UTF8', address: '127.0.0.1' }]);
  const wrong = `postgresql://holdfast:wrong@127.0.0.1:${port}/holdfast`;
  await expect(query(wrong, 'select 1')).rejects.toThrow('password authentication failed');
});

test('a server that outlived its killed owner is ended, and its data is whole', async () => {
  const dataDir = join(folder, '.holdfast');
  const index = join(__dirname, '../../local/postgres/index.ts');
  const script = `require('tsx/cjs');
    require(${JSON.stringify(index)}).startPostgres({ dataDir: ${JSON.stringify(dataDir)}, port: 0, log() {} })
      .then((server) => console.log(JSON.stringify(server)));`;
  const owner = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  owner.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const orphan = await until(
    'the server',
    async () => said.endsWith('\n') && (JSON.parse(said) as RunningPostgres),
    40_000,
  );
  await query(orphan.url, 'create table kept as select 7 as answer');
  const identity = identify(orphan.pid);
  owner.kill('SIGKILL');
  await until('its owner to be gone', async () => readStartTime(owner.pid ?? 0) === null);
  expect(identity && isRunning(identity)).toBe(true);

  const next = await start(dataDir);
  expect(identity && isRunning(identity)).toBe(false);
  expect(lines.join('\n')).toContain(`Stopping a PostgreSQL server of an earlier run (pid ${orphan.pid})`);
  expect(await query(next.url, 'select answer from kept')).toEqual([{ answer: 7 }]);
});

test("a lock file that names a stranger's pid does not block the start", async () => {
  const dataDir = join(folder, '.holdfast');
  const first = await start(dataDir);
  await first.stop();
  const stranger = process.pid;
  writeFileSync(
    join(first.place, 'data', 'postmaster.pid'),
    `${stranger}\n${join(first.place, 'data')}\n1\n`,
  );
  const second = await start(dataDir);
  expect(await query(second.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  expect(readStartTime(stranger)).not.toBeNull();
});

test('an interrupted set-up is done again', async () => {
  chmodSync(folder, 0o711);
  const draft = join(folder, 'postgres', 'data.new');
  mkdirSync(join(draft, 'base'), { recursive: true });
  writeFileSync(join(draft, 'PG_VERSION'), '18\n');
  const server = await start(folder);
  expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  expect(existsSync(draft)).toBe(false);
});

test('a taken port is named in one line, with the variable that changes it', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const address = other.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  await expect(start(join(folder, '.holdfast'), port)).rejects.toThrow(
    `Port ${port} is taken by another program. Stop that one, or set POSTGRES_PORT`,
  );
  other.close();
});

test('programs in a closed folder are copied, whole, to where the user can enter; links that npm left out are made', async () => {
  const account = chooseAccount(join(folder, 'none'), () => {});
  const source = join(folder, 'native');
  const version = `test-${process.pid}`;
  cpSync(packagedNative(), source, { recursive: true, filter: (path) => !lstatSync(path).isSymbolicLink() });
  const prepare = () =>
    prepareBinaries({
      account,
      source: { path: source, version },
      reachableFolder: () => reachableFolder(account),
      log: (line) => lines.push(line),
    });
  const binaries = prepare();
  expect(binaries.postgres.startsWith(source)).toBe(!isRoot);
  expect(canEnter(account, dirname(binaries.postgres), 'read')).toBe(true);
  const asked = await run('/bin/sh', ['-c', 'exec "$0" --version', binaries.postgres], {
    limitMs: 10_000,
    cwd: '/',
  });
  expect(asked.output).toContain('postgres (PostgreSQL) 18');
  expect(existsSync(join(dirname(dirname(binaries.postgres)), 'lib', 'libpq.so.5'))).toBe(true);
  const said = lines.length;
  expect(prepare()).toEqual(binaries);
  expect(lines).toHaveLength(said); // the copy is made once
  if (isRoot) rmSync(dirname(dirname(binaries.postgres)), { recursive: true });
  expect(asAccount(account)).toEqual(isRoot ? { uid: account?.uid, gid: account?.gid } : {});
});

function packagedNative(): string {
  const { postgres } = prepareBinaries({ account: null, reachableFolder: () => folder, log: () => {} });
  return dirname(dirname(postgres));
}
