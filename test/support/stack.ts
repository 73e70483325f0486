// The product as a user starts it: `npm start` in a child process, with a data folder and ports of its own.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { Client, Connection } from '@temporalio/client';
import { Pool } from 'pg';

import { Shop } from './shop';
import { until } from './until';

export interface StackFile {
  api: string;
  temporal_address: string;
  temporal_ui: string;
  stripe_simulator: string;
  database_url: string;
  publishable_key: string;
  admin_token: string;
  pids: Record<'supervisor' | 'api' | 'worker' | 'temporal' | 'postgres' | 'stripe_simulator', number>;
}

export interface Stack {
  /** Read anew at each use: pids change when a process is started again. */
  file(): StackFile;
  shop: Shop;
  pool: Pool;
  temporal: Client;
  output(): string;
  /** SIGTERM to npm, as Ctrl-C or a service manager sends it; resolves when npm has exited. */
  stop(): Promise<void>;
}

const READY_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 15_000;
const FREE_PORTS = {
  API_PORT: '0',
  TEMPORAL_PORT: '0',
  TEMPORAL_UI_PORT: '0',
  STRIPE_SIMULATOR_PORT: '0',
  POSTGRES_PORT: '0',
  METRICS_PORT: '0',
};

/** Starts the stack and waits until it says that it is ready. @throws with its output when it does not. */
export async function startStack(dataDir: string, env: Record<string, string> = {}): Promise<Stack> {
  let output = '';
  const npm = spawn('npm', ['start'], {
    cwd: resolve(__dirname, '../..'),
    env: { ...process.env, ...FREE_PORTS, HOLDFAST_DATA_DIR: dataDir, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  npm.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  npm.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const path = join(dataDir, 'stack.json');
  await until(
    'npm start to be ready',
    () => Promise.resolve(existsSync(path) || failIfExited(npm, output)),
    READY_TIMEOUT_MS,
  );

  const file = (): StackFile => JSON.parse(readFileSync(path, 'utf8')) as StackFile;
  const { api, database_url: databaseUrl, temporal_address: address } = file();
  const pool = new Pool({ connectionString: databaseUrl, max: 4 });
  pool.on('error', () => undefined);
  const connection = await Connection.connect({ address });
  return {
    file,
    shop: new Shop(api),
    pool,
    temporal: new Client({ connection }),
    output: () => output,
    stop: async () => {
      await pool.end();
      await connection.close();
      await stopProcess(npm);
    },
  };
}

function failIfExited(npm: ChildProcess, output: string): false {
  if (npm.exitCode !== null) throw new Error(`npm start exited with ${npm.exitCode}:\n${output}`);
  return false;
}

async function stopProcess(npm: ChildProcess): Promise<void> {
  npm.kill('SIGTERM');
  await until(
    'npm start to end',
    () => Promise.resolve(npm.exitCode !== null || npm.signalCode !== null),
    STOP_TIMEOUT_MS,
  );
}

/** Whether a process is alive. Signal 0 only asks. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
