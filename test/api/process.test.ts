// The API as a process: ready, answering, ended by every way that should end it, and refusing to start where it must.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import path from 'node:path';

import { DEMO_DROP_ID } from '../../db/seed';
import { startSimulator } from '../../local/stripe-simulator';
import { createEmptyDatabase, createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import { EventStream } from '../support/event-stream';
import { until } from '../support/until';

const PROJECT = path.resolve(__dirname, '../..');
/** What the supervisor gives a process before it is killed. */
const EXIT_MS = 8_000;

interface Process {
  child: ChildProcess;
  output(): string;
  exitCode: Promise<number | null>;
}

let simulator: Awaited<ReturnType<typeof startSimulator>>;
let database: TestDatabase;
const started: ChildProcess[] = [];

beforeAll(async () => {
  simulator = await startSimulator({ port: 0, dataDir: null });
  database = await createTestDatabase();
});

afterAll(async () => {
  await simulator.close();
  await database.drop();
});

afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

function startApi(env: Record<string, string> = {}): Process {
  const child = spawn(process.execPath, ['--import', 'tsx', 'api/main.ts'], {
    cwd: PROJECT,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: {
      PATH: process.env['PATH'] ?? '',
      DATABASE_URL: database.url,
      TEMPORAL_ADDRESS: process.env['HOLDFAST_TEST_TEMPORAL_ADDRESS'] ?? '',
      STRIPE_SECRET_KEY: 'sk_test_simulator',
      STRIPE_PUBLISHABLE_KEY: 'pk_test_simulator',
      STRIPE_WEBHOOK_SECRETS: 'whsec_of_this_test',
      STRIPE_API_BASE: simulator.url,
      CHECKOUT_TOKEN_SECRET: 'token-secret-of-this-test',
      ADMIN_TOKEN: 'admin-token-of-this-test',
      API_PORT: '0',
      METRICS_PORT: '0',
      ...env,
    },
  });
  started.push(child);
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return {
    child,
    output: () => text,
    exitCode: new Promise((resolve) => child.once('exit', (code) => resolve(code))),
  };
}

interface ReadyLine {
  port: number;
  metrics_port: number;
}

/** Where others use the machine, loading alone has taken 20 s; the bounds that matter are those of the end. */
const READY_MS = 45_000;

function ready(api: Process): Promise<ReadyLine> {
  return until(
    'the ready line',
    async () => {
      if (api.child.exitCode !== null) throw new Error(api.output());
      const line = api
        .output()
        .split('\n')
        .find((text) => text.includes('"api ready"'));
      return line === undefined ? null : (JSON.parse(line) as ReadyLine);
    },
    READY_MS,
  );
}

describe('the API process', () => {
  test('says once that it is ready, and then is: routes, readiness and metrics on a port of their own', async () => {
    const api = startApi();
    const { port, metrics_port: metricsPort } = await ready(api);
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
    expect((await fetch(`http://127.0.0.1:${port}/api/drops`)).status).toBe(200);
    expect((await fetch(`http://127.0.0.1:${port}/metrics`)).status).toBe(404);
    const metrics = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    expect(metrics).toContain('holdfast_http_requests_total{method="GET",route="/api/drops",status="200"');
    expect(metrics).toContain('nodejs_eventloop_lag_seconds');
  });

  test.each<[string, (api: Process) => unknown]>([
    ['SIGTERM', (api) => api.child.kill('SIGTERM')],
    ['SIGINT', (api) => api.child.kill('SIGINT')],
    ['the end of its supervisor', (api) => api.child.disconnect()],
  ])('ends by itself, with 0, on %s', async (_what, end) => {
    const api = startApi();
    await ready(api);
    const begunAt = Date.now();
    end(api);
    expect(await api.exitCode).toBe(0);
    expect(Date.now() - begunAt).toBeLessThan(EXIT_MS);
  });

  test('ends as soon with a live stream open, which it tells to go', async () => {
    const api = startApi();
    const { port } = await ready(api);
    const stream = await EventStream.open(`http://127.0.0.1:${port}/api/drops/${DEMO_DROP_ID}/events`);
    await until('the drop', async () => stream.last?.event === 'drop');
    const begunAt = Date.now();
    api.child.kill('SIGTERM');
    expect(await stream.ended).toBe('ended');
    expect(stream.last?.data).toEqual({ reason: 'shutdown' });
    expect(await api.exitCode).toBe(0);
    expect(Date.now() - begunAt).toBeLessThan(2_500); // the server's own patience with open answers is 5 s
  });

  test('starts while Temporal is away, says so, and still ends in time', async () => {
    const api = startApi({ TEMPORAL_ADDRESS: '127.0.0.1:9' });
    const { port } = await ready(api);
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`);
    expect([answer.status, await answer.json()]).toEqual([
      503,
      { status: 'unavailable', postgresql: 'ok', temporal: 'unavailable' },
    ]);
    const begunAt = Date.now();
    api.child.kill('SIGTERM');
    expect(await api.exitCode).toBe(0);
    expect(Date.now() - begunAt).toBeLessThan(EXIT_MS);
  });
});

describe('it does not start', () => {
  test('with a wrong configuration, and names every fault in a line', async () => {
    const api = startApi({ API_PORT: 'x', ADMIN_TOKEN: 'short' });
    expect(await api.exitCode).toBe(1);
    expect(api.output().trim().split('\n')).toEqual([
      expect.stringMatching(/^ADMIN_TOKEN must have/),
      expect.stringMatching(/^API_PORT must be/),
    ]);
  });

  test('against a database that was not migrated', async () => {
    const empty = await createEmptyDatabase();
    try {
      const api = startApi({ DATABASE_URL: empty.url });
      expect(await api.exitCode).toBe(1);
      expect(api.output()).toContain('npm run db:migrate');
    } finally {
      await empty.drop();
    }
  });

  test('against a database that belongs to another Temporal namespace', async () => {
    await ready(startApi());
    const api = startApi({ TEMPORAL_NAMESPACE: 'another' });
    expect(await api.exitCode).toBe(1);
    expect(api.output()).toMatch(/belongs to Temporal namespace .*default.*, not to .*another/);
  });

  test('on a port that is taken', async () => {
    const { port } = await ready(startApi());
    const api = startApi({ API_PORT: String(port) });
    expect(await api.exitCode).toBe(1);
    expect(api.output()).toContain('EADDRINUSE');
  });
});
