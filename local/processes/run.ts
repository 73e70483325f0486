// Runs a program to its end with its output kept, a limit on its time, and a word now and then while it takes long.
import { spawn } from 'node:child_process';
import type { Guardian } from './guardian';

export interface RunResult {
  /** Null when it could not be started or was ended by a signal. */
  status: number | null;
  /** The last 8,000 characters of standard output and standard error. */
  output: string;
  /** The system's code when the program could not be started, such as `ENOENT`. */
  errorCode: string | null;
}

export interface RunOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** After this long the program and everything it started is killed. */
  limitMs: number;
  /** Called every ten seconds with the seconds passed. */
  onProgress?: (seconds: number) => void;
  /** Told to end the program when this process dies. */
  guardian?: Guardian | undefined;
  /** Ends the program early when it aborts. */
  signal?: AbortSignal;
}

const PROGRESS_EVERY_MS = 10_000;
const OUTPUT_MAX_CHARS = 8_000;

/** Never throws for what the program does; the result tells. */
export function run(program: string, args: string[], options: RunOptions): Promise<RunResult> {
  return new Promise((resolve) => {
    const startedAt = Date.now();
    let output = '';
    let errorCode: string | null = null;
    // Detached: a group of its own, so that everything it starts can be ended with it.
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const keep = (chunk: Buffer) => (output = (output + chunk.toString()).slice(-OUTPUT_MAX_CHARS));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const kill = () => killGroup(child.pid);
    const limit = setTimeout(kill, options.limitMs);
    const progress = setInterval(
      () => options.onProgress?.(Math.round((Date.now() - startedAt) / 1_000)),
      PROGRESS_EVERY_MS,
    );
    options.signal?.addEventListener('abort', kill, { once: true });
    process.once('exit', kill);
    if (child.pid) options.guardian?.watchGroup(child.pid);
    const finish = (status: number | null) => {
      clearTimeout(limit);
      clearInterval(progress);
      options.signal?.removeEventListener('abort', kill);
      process.removeListener('exit', kill);
      if (child.pid) options.guardian?.unwatch(child.pid);
      resolve({ status, output, errorCode });
    };
    child.once('error', (error: NodeJS.ErrnoException) => {
      errorCode = error.code ?? 'unknown';
      finish(null);
    });
    child.once('close', finish);
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // ended already
  }
}
