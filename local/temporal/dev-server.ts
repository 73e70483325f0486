// The Temporal dev server with its Web UI: one process, its history in one SQLite file.
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { SetupError } from '../processes/errors';
import type { Guardian } from '../processes/guardian';
import { endProcess, identify } from '../processes/identity';
import { choosePort } from '../processes/ports';

export { resolveTemporalCli } from './resolve-cli';
export type { TemporalCli } from './resolve-cli';

export interface TemporalOptions {
  /** The executable, from `resolveTemporalCli`. */
  cliPath: string;
  namespace: string;
  /** The SQLite file that keeps everything, in a folder made for its owner alone; null keeps it in memory. */
  dbPath: string | null;
  /** 0 picks a free one. */
  port: number;
  /** 0 picks a free one; null starts no Web UI. */
  uiPort: number | null;
  /** `Name=Type`; only for a new database. The product makes sure of its own at worker start. */
  searchAttributes?: string[];
  log: (line: string) => void;
  /** Told to end the server when this process dies. */
  guardian?: Guardian;
}

export interface RunningTemporal {
  /** host:port of the gRPC frontend. */
  address: string;
  uiUrl: string | null;
  port: number;
  uiPort: number | null;
  pid: number;
  /** Resolves when the server has ended, asked for or not. */
  exited: Promise<void>;
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const READY_WITHIN_MS = 60_000;
const STOP_GRACE_MS = 5_000;

/** What core 1.24 sets for its own dev servers, and eager dispatch, which server 1.31 has switched off. */
const DYNAMIC_CONFIG = [
  'frontend.enableServerVersionCheck=false',
  'frontend.enableUpdateWorkflowExecution=true',
  'frontend.enableUpdateWorkflowExecutionAsyncAccepted=true',
  'system.enableActivityEagerExecution=true',
];

/** Durable across kill -9, and nearly twice as fast as SQLite's defaults. */
const SQLITE_PRAGMAS = ['journal_mode=wal', 'synchronous=normal'];

/**
 * Starts the server; returns once gRPC and the Web UI have answered.
 * @throws SetupError in one line: port taken, or the server's own last words
 */
export async function startTemporal(options: TemporalOptions): Promise<RunningTemporal> {
  const port = await choosePort(options.port, 'TEMPORAL_PORT');
  const uiPort = options.uiPort === null ? null : await choosePort(options.uiPort, 'TEMPORAL_UI_PORT');
  if (options.dbPath) mkdirSync(dirname(options.dbPath), { recursive: true, mode: 0o700 });
  const address = `${HOST}:${port}`;
  const uiUrl = uiPort === null ? null : `http://${HOST}:${uiPort}`;
  const server = launch(options, commandLine(options, port, uiPort));
  const isReady = await Promise.race([
    waitUntilReady(address, options.namespace, uiUrl),
    server.exited.then(() => false),
  ]);
  if (!isReady) {
    await server.stop();
    throw new SetupError(
      `The Temporal server did not start: ${server.lastWords() || 'it did not answer in time'}`,
    );
  }
  return { address, uiUrl, port, uiPort, pid: server.pid, exited: server.exited, stop: server.stop };
}

function commandLine(options: TemporalOptions, port: number, uiPort: number | null): string[] {
  return [
    'server',
    'start-dev',
    `--ip=${HOST}`,
    `--port=${port}`,
    `--namespace=${options.namespace}`,
    ...(uiPort === null ? ['--headless'] : ['--ui-port', String(uiPort), '--ui-disable-news-fetch']),
    ...(options.dbPath ? ['--db-filename', options.dbPath] : []),
    ...(options.dbPath ? SQLITE_PRAGMAS.flatMap((pragma) => ['--sqlite-pragma', pragma]) : []),
    ...DYNAMIC_CONFIG.flatMap((value) => ['--dynamic-config-value', value]),
    ...(options.searchAttributes ?? []).flatMap((attribute) => ['--search-attribute', attribute]),
    '--log-format=pretty',
    '--log-level=error',
  ];
}

interface Launched {
  pid: number;
  exited: Promise<void>;
  lastWords(): string;
  stop(): Promise<void>;
}

function launch(options: TemporalOptions, args: string[]): Launched {
  // Detached: a Ctrl-C reaches the whole group of the terminal, and the worker must finish before its server goes.
  const child = spawn(options.cliPath, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const pid = child.pid ?? 0;
  if (pid) options.guardian?.watch(pid, 'SIGTERM');
  const words: string[] = [];
  const listen = (line: string, isError: boolean) => {
    words.push(line);
    if (words.length > 20) words.shift();
    if (isError) options.log(line);
  };
  createInterface({ input: child.stdout }).on('line', (line) => listen(line, false));
  createInterface({ input: child.stderr }).on('line', (line) => listen(line, true));
  const exited = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      words.push(error.message);
      resolve();
    });
    child.once('close', () => {
      if (pid) options.guardian?.unwatch(pid);
      resolve();
    });
  });
  return {
    pid,
    exited,
    lastWords: () => words.at(-1) ?? '',
    async stop() {
      const identity = pid ? identify(pid) : null;
      if (identity) await endProcess(identity, 'SIGTERM', STOP_GRACE_MS);
      await exited;
    },
  };
}

async function waitUntilReady(address: string, namespace: string, uiUrl: string | null): Promise<boolean> {
  const deadline = Date.now() + READY_WITHIN_MS;
  while (Date.now() < deadline) {
    if ((await frontendAnswers(address, namespace)) && (uiUrl === null || (await pageAnswers(uiUrl))))
      return true;
    await delay(100);
  }
  return false;
}

/** Connecting asks for the server's system information; the namespace comes a moment after that. */
async function frontendAnswers(address: string, namespace: string): Promise<boolean> {
  let connection: Connection | undefined;
  try {
    connection = await Connection.connect({ address, connectTimeout: 2_000 });
    const { workflowService } = connection;
    await connection.withDeadline(Date.now() + 2_000, () => workflowService.describeNamespace({ namespace }));
    return true;
  } catch {
    return false;
  } finally {
    await connection?.close();
  }
}

async function pageAnswers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}
