// The API process under measurement, as it is run, with nothing beside it: a real database, no Temporal, Stripe's stand-in.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

import { startSimulator } from '../../local/stripe-simulator';

export const TOKEN_SECRET = 'token-secret-of-this-run';

export interface ApiUnderTest {
  port: number;
  pid: number;
  /** The sum of a metric's samples that match every label. */
  metric(name: string, labels?: Record<string, string>): Promise<number>;
  stop(): Promise<void>;
}

/** @throws with what it wrote when it does not get ready. */
export async function startApi(databaseUrl: string): Promise<ApiUnderTest> {
  const simulator = await startSimulator({ port: 0, dataDir: null });
  const child = spawn(process.execPath, ['--import', 'tsx', 'api/main.ts'], {
    cwd: resolve(__dirname, '../..'),
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    env: {
      DATABASE_URL: databaseUrl,
      TEMPORAL_ADDRESS: '127.0.0.1:9',
      STRIPE_SECRET_KEY: 'sk_test_simulator',
      STRIPE_PUBLISHABLE_KEY: 'pk_test_simulator',
      STRIPE_WEBHOOK_SECRETS: 'whsec_of_this_run',
      STRIPE_API_BASE: simulator.url,
      CHECKOUT_TOKEN_SECRET: TOKEN_SECRET,
      ADMIN_TOKEN: 'admin-token-of-this-run',
      API_PORT: '0',
      METRICS_PORT: '0',
    },
  });
  if (child.stdout === null) throw new Error('The API has no output.');
  const ready = await readReadyLine(child.stdout);
  return {
    port: ready.port,
    pid: child.pid ?? 0,
    metric: async (name, labels = {}) => {
      const text = await (await fetch(`http://127.0.0.1:${ready.metrics_port}/metrics`)).text();
      return sumOf(text, name, labels);
    },
    stop: async () => {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
      await simulator.close();
    },
  };
}

async function readReadyLine(output: NodeJS.ReadableStream): Promise<{ port: number; metrics_port: number }> {
  const lines: string[] = [];
  const reader = createInterface({ input: output });
  const ready = await new Promise<string | null>((settle) => {
    reader.on('line', (line) => {
      lines.push(line);
      if (line.includes('"api ready"')) settle(line);
    });
    reader.once('close', () => settle(null));
  });
  if (ready === null) throw new Error(`The API did not start:\n${lines.join('\n')}`);
  return JSON.parse(ready) as { port: number; metrics_port: number };
}

function sumOf(text: string, name: string, labels: Record<string, string>): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => wanted.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
