// The product's worker as a process of its own beside a World on the dev server: to have two of them, or to kill one.
import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';

import { until } from './until';
import { ADMIN_TOKEN, PUBLISHABLE_KEY, type World } from './world';

const READY_MS = 60_000;
const STOP_MS = 15_000;

export interface WorkerProcess {
  output(): string;
  /** SIGKILL: what it was doing stays as it was. */
  kill(): Promise<void>;
  /** SIGTERM: it ends what it is doing. */
  stop(): Promise<void>;
}

/** Starts it and waits until it polls. `env` goes over what joins it to the world. */
export async function startWorkerProcess(
  world: World,
  env: Record<string, string> = {},
): Promise<WorkerProcess> {
  let output = '';
  const root = resolve(__dirname, '../..');
  const child = spawn(process.execPath, ['--import', 'tsx', join(root, 'worker/main.ts')], {
    cwd: root,
    env: {
      ...process.env,
      DATABASE_URL: world.database.url,
      TEMPORAL_ADDRESS: world.env.address,
      TEMPORAL_NAMESPACE: world.env.namespace ?? 'default',
      STRIPE_SECRET_KEY: 'sk_test_simulator',
      STRIPE_PUBLISHABLE_KEY: PUBLISHABLE_KEY,
      STRIPE_WEBHOOK_SECRETS: 'whsec_not_used_by_a_worker',
      STRIPE_API_BASE: world.simulatorUrl,
      CHECKOUT_TOKEN_SECRET: 'token-secret-of-this-test',
      ADMIN_TOKEN,
      METRICS_PORT: '0',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const end = async (signal: 'SIGKILL' | 'SIGTERM') => {
    child.kill(signal);
    await until('the worker process to end', () => Promise.resolve(hasEnded()), STOP_MS);
  };
  await until(
    'the worker process to be ready',
    () => Promise.resolve(hasEnded() || output.includes('worker ready')),
    READY_MS,
  );
  if (hasEnded()) throw new Error(`the worker process ended:\n${output}`);
  return { output: () => output, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') };
}
