// The server process: launched with its settings on the command line, so that they follow the program, not the data.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { SetupError } from '../processes/errors';
import type { Guardian } from '../processes/guardian';
import { endProcess, identify } from '../processes/identity';
import { asAccount } from './account';
import type { Account } from './account';
import type { Binaries } from './binaries';
import { SUPERUSER } from './cluster';

export interface Launch {
  dataPath: string;
  password: string;
  binaries: Binaries;
  account: Account | null;
  place: string;
  port: number;
  durable: boolean;
  connectionsMax: number | undefined;
  guardian: Guardian | undefined;
  log: (line: string) => void;
}

export interface PostgresServer {
  pid: number;
  exited: Promise<void>;
  ensureDatabase(name: string): Promise<void>;
  stop(): Promise<void>;
}

const READY_WITHIN_MS = 60_000; // crash recovery of a large write-ahead log included
const STOP_GRACE_MS = 6_000;
/** After kill -9 of the server its helpers need a moment to notice; until then the data is still in use. */
const LAUNCH_TRIES = 20;
const LAUNCH_PAUSE_MS = 250;

/** Starts the server and waits until it answers. @throws SetupError with the server's own words */
export async function launch(options: Launch): Promise<PostgresServer> {
  for (let tries = 1; ; tries += 1) {
    const attempt = await launchOnce(options);
    if ('server' in attempt) return attempt.server;
    const isStillInUse = /shared memory block .* is still in use|lock file .* already exists/.test(
      attempt.failure,
    );
    if (!isStillInUse || tries >= LAUNCH_TRIES) throw new SetupError(failureLine(attempt.failure));
    await delay(LAUNCH_PAUSE_MS);
  }
}

async function launchOnce(options: Launch): Promise<{ server: PostgresServer } | { failure: string }> {
  const child = spawn(options.binaries.postgres, ['-D', options.dataPath, ...settings(options)], {
    ...asAccount(options.account),
    cwd: options.place,
    env: { ...process.env, LC_ALL: 'C' },
    stdio: ['ignore', 'ignore', 'pipe'],
    // A Ctrl-C reaches the whole group of the terminal; PostgreSQL must outlive the processes that use it.
    detached: true,
  });
  const { pid } = child;
  if (pid !== undefined) options.guardian?.watch(pid, 'SIGINT');
  const words = collectWords(child, options.log);
  const exited = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      words.push(error.message);
      resolve();
    });
    child.once('close', () => {
      if (pid !== undefined) options.guardian?.unwatch(pid);
      resolve();
    });
  });
  const isReady = await Promise.race([waitUntilReady(options), exited.then(() => false)]);
  if (isReady && pid !== undefined) return { server: describeServer(options, pid, exited) };
  child.kill('SIGQUIT');
  await exited;
  return { failure: words.join('\n') || 'it did not answer in time' };
}

function describeServer(options: Launch, pid: number, exited: Promise<void>): PostgresServer {
  return {
    pid,
    exited,
    ensureDatabase: (name) => ensureDatabase(options, name),
    async stop() {
      const identity = identify(pid);
      if (identity) await endProcess(identity, 'SIGINT', STOP_GRACE_MS);
      await exited;
    },
  };
}

function settings(options: Launch): string[] {
  const values: Record<string, string> = {
    port: String(options.port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '', // a socket's path may be at most 107 bytes long; data folders are not
    max_connections: String(options.connectionsMax ?? 200),
    log_checkpoints: 'off',
    log_min_messages: 'warning',
    // fsync off loses data when the machine stops, which a cluster that is thrown away does not mind; and the errors that
    // tests provoke there are no news
    ...(options.durable
      ? {}
      : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', log_min_messages: 'fatal' }),
  };
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** Passes the server's lines on, and keeps the last ones to explain a refusal. */
function collectWords(child: ChildProcess, log: (line: string) => void): string[] {
  const words: string[] = [];
  if (!child.stderr) return words;
  createInterface({ input: child.stderr }).on('line', (line) => {
    words.push(line);
    if (words.length > 20) words.shift();
    if (!/ LOG: |the database system is (starting|shutting)/.test(line)) log(line);
  });
  return words;
}

async function waitUntilReady(options: Launch): Promise<boolean> {
  const deadline = Date.now() + READY_WITHIN_MS;
  while (Date.now() < deadline) {
    const client = maintenanceClient(options);
    try {
      await client.connect();
      await client.end();
      return true;
    } catch {
      await client.end().catch(() => {});
      await delay(50);
    }
  }
  return false;
}

async function ensureDatabase(options: Launch, name: string): Promise<void> {
  const client = maintenanceClient(options);
  await client.connect();
  try {
    const found = await client.query('select 1 from pg_database where datname = $1', [name]);
    if (found.rowCount === 0) await client.query(`create database ${client.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
}

function maintenanceClient({ port, password }: Launch): Client {
  const client = new Client({
    host: '127.0.0.1',
    port,
    user: SUPERUSER,
    password,
    database: 'postgres',
    connectionTimeoutMillis: 5_000,
  });
  client.on('error', () => {}); // a connection that breaks while the server starts or stops
  return client;
}

function failureLine(words: string): string {
  if (words.includes('No space left')) return 'The disk is full: PostgreSQL could not start.';
  const fatal = words.split('\n').findLast((line) => /FATAL|PANIC|HINT/.test(line));
  return `PostgreSQL did not start: ${(fatal ?? words).replace(/^.*(FATAL|PANIC): */, '').trim()}`;
}
