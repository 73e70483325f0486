// One of our own programs as a part of the stack: worker, API, simulator. Each is told by its IPC channel when the supervisor
// is gone, and ends by itself then.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { SetupError } from '../processes/errors';
import type { Guardian } from '../processes/guardian';
import { endProcess, identify } from '../processes/identity';
import type { RunningPart } from './service';

export interface ChildOptions {
  name: string;
  /** Arguments of Node: flags and the script. */
  command: string[];
  cwd: string;
  env: NodeJS.ProcessEnv;
  /** The part is ready once this answers 200. */
  readyUrl: string;
  onLine(line: string): void;
  guardian: Guardian;
}

const READY_WITHIN_MS = 60_000;
const READY_POLL_MS = 100;

/** Starts the program; returns once it is ready. @throws SetupError with its last words when it ends or does not answer */
export async function startChild(options: ChildOptions): Promise<RunningPart> {
  const child = spawn(process.execPath, options.command, {
    cwd: options.cwd,
    env: options.env,
    // Detached: a Ctrl-C reaches the whole group of the terminal, and the order of the end is the supervisor's to give.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const { pid } = child;
  if (pid === undefined) throw new SetupError(`The ${options.name} could not be started.`);
  options.guardian.watch(pid, 'SIGTERM');
  let lastLine = '';
  const listen = (line: string) => {
    if (line.trim() !== '') lastLine = line;
    options.onLine(line);
  };
  for (const stream of [child.stdout, child.stderr])
    if (stream) createInterface({ input: stream }).on('line', listen);
  let ending = '';
  const exited = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('close', (code, signal) => {
      ending = signal ?? `exit code ${code}`;
      options.guardian.unwatch(pid);
      resolve();
    });
  });
  const stop = async (graceMs: number) => {
    const identity = identify(pid);
    if (identity) await endProcess(identity, 'SIGTERM', graceMs);
    await exited;
  };
  const isReady = await Promise.race([untilReady(options.readyUrl), exited.then(() => false)]);
  if (isReady) return { pid, exited, stop };
  const cause = ending ? `ended (${ending})` : `did not answer within ${READY_WITHIN_MS / 1_000} s`;
  await stop(0);
  throw new SetupError(`The ${options.name} ${cause} before it was ready: ${lastLine}`);
}

async function untilReady(url: string): Promise<boolean> {
  const deadline = Date.now() + READY_WITHIN_MS;
  while (Date.now() < deadline) {
    if (await answers(url)) return true;
    await delay(READY_POLL_MS);
  }
  return false;
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2_000) })).status === 200;
  } catch {
    return false;
  }
}
