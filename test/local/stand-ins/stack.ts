// Runs the supervisor with stand-in programs in a folder of its own, as the tests of its life and death need it.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StackFile } from '../../../local/supervisor/stack-file';
import { until } from '../../support/until';

export interface TestStack {
  pid: number;
  dataDir: string;
  output(): string;
  /** Resolves once the process has ended. */
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; afterMs: number }>;
  ready(): Promise<StackFile>;
  kill(signal: NodeJS.Signals): void;
}

/** All ports free, no Temporal (an address is enough for stand-ins), quiet. */
const BASE_ENV = {
  API_PORT: '0',
  METRICS_PORT: '0',
  STRIPE_SIMULATOR_PORT: '0',
  POSTGRES_PORT: '0',
  TEMPORAL_PORT: '0',
  TEMPORAL_UI_PORT: '0',
  TEMPORAL_ADDRESS: '127.0.0.1:7233',
};

/** For tests that need no database: the stand-ins never connect to it, and the start is a second faster. */
export const NO_POSTGRES = {
  DATABASE_URL: 'postgresql://nobody:secret-password@127.0.0.1:1/none',
  CHECKOUT_TOKEN_SECRET: 'a-token-secret-of-tests',
  ADMIN_TOKEN: 'an-admin-token-of-tests',
};

/** A busy disk draws out the first start of a database. */
const READY_MAX_MS = 40_000;

/** Starts a stack. An undefined variable is not set. */
export function startTestStack(dataDir: string, env: NodeJS.ProcessEnv = {}): TestStack {
  const startedAt = Date.now();
  const child = spawn(process.execPath, [join(__dirname, 'supervisor.js')], {
    env: stackEnvironment(dataDir, env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  let killedAt = startedAt;
  const ended = new Promise<Awaited<TestStack['ended']>>((resolve) =>
    child.once('close', (code, signal) => resolve({ code, signal, afterMs: Date.now() - killedAt })),
  );
  return {
    pid: child.pid ?? 0,
    dataDir,
    output: () => output,
    ended,
    ready: () => readStackFile(dataDir, () => output, child.pid),
    kill(signal) {
      killedAt = Date.now();
      child.kill(signal);
    },
  };
}

/** Waits for the stack's file, of this supervisor when its pid is given. */
export async function readStackFile(
  dataDir: string,
  output: () => string,
  supervisorPid?: number,
): Promise<StackFile> {
  const path = join(dataDir, 'stack.json');
  try {
    return await until(
      'stack.json',
      async () => {
        const file = JSON.parse(readFileSync(path, 'utf8')) as StackFile;
        return (supervisorPid === undefined || file.pids.supervisor === supervisorPid) && file;
      },
      READY_MAX_MS,
    );
  } catch (error) {
    throw new Error(`The stack did not get ready. It said:\n${output()}`, { cause: error });
  }
}

export function pidsOf(stack: StackFile): number[] {
  return Object.values(stack.pids).filter((pid) => pid !== null);
}

/** What a stack of a test is started with: all ports free, everything in `dataDir`. */
export function stackEnvironment(dataDir: string, env: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return { ...cleanEnvironment(), ...BASE_ENV, HOLDFAST_DATA_DIR: dataDir, ...env };
}

/** The configuration of whoever runs the tests must not reach the stack under test. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const names = ['PATH', 'HOME', 'LANG', 'TMPDIR', 'XDG_CACHE_HOME', 'TEMPORAL_CLI_PATH'];
  const set = names.filter((name) => process.env[name] !== undefined);
  return Object.fromEntries(set.map((name) => [name, process.env[name]]));
}
