// The life and death of the stack: what `npm start` promises about processes, whatever ends them.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { isRunning, readStartTime } from '../../local/processes/identity';
import type { ProcessIdentity } from '../../local/processes/identity';
import type { StackFile } from '../../local/supervisor/stack-file';
import { makeDataDir, removeDataDir } from '../support/data-folder';
import { until } from '../support/until';
import { NO_POSTGRES, pidsOf, readStackFile, stackEnvironment, startTestStack } from './stand-ins/stack';
import type { TestStack } from './stand-ins/stack';

const STOP_MAX_MS = 10_000;
const stacks: TestStack[] = [];

function start(dataDir: string, env?: NodeJS.ProcessEnv): TestStack {
  const stack = startTestStack(dataDir, env);
  stacks.push(stack);
  return stack;
}

let dataDir: string;
beforeEach(() => {
  dataDir = makeDataDir();
});
afterEach(async () => {
  for (const stack of stacks.splice(0)) {
    stack.kill('SIGTERM');
    await stack.ended;
  }
  removeDataDir(dataDir);
});

/** Every process of the run, the guardian included. */
function everyProcess(): ProcessIdentity[] {
  return JSON.parse(readFileSync(join(dataDir, 'processes.json'), 'utf8')) as ProcessIdentity[];
}

async function expectAllGone(processes: ProcessIdentity[], withinMs = STOP_MAX_MS): Promise<void> {
  await until('every process of the run to be gone', async () => !processes.some(isRunning), withinMs);
}

test('once ready, stack.json says where everything is; a stop removes it and leaves no process', async () => {
  const stack = start(dataDir);
  const file = await stack.ready();
  expect(statSync(join(dataDir, 'stack.json')).mode & 0o777).toBe(0o600);
  expect(file).toMatchObject({
    api: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    storefront: null,
    admin: null,
    temporal_address: '127.0.0.1:7233',
    temporal_ui: null,
    publishable_key: 'pk_test_simulator',
    database_url: expect.stringMatching(/^postgresql:\/\/holdfast:.+@127\.0\.0\.1:\d+\/holdfast$/),
    pids: { supervisor: stack.pid, temporal: null, api: expect.any(Number), postgres: expect.any(Number) },
  });
  expect((await fetch(`${file.api}/readyz`)).status).toBe(200);
  const processes = everyProcess();
  expect(processes).toHaveLength(5); // postgres, simulator, worker, api, guardian

  const password = new URL(file.database_url).password;
  expect(stack.output()).not.toContain(password);
  expect(stack.output()).not.toContain(file.admin_token);

  stack.kill('SIGTERM');
  const { code, afterMs } = await stack.ended;
  expect(code).toBe(0);
  expect(afterMs).toBeLessThan(STOP_MAX_MS);
  expect(processes.filter(isRunning)).toEqual([]);
  expect(existsSync(join(dataDir, 'stack.json'))).toBe(false);
  expect(existsSync(join(dataDir, 'supervisor.lock'))).toBe(false);
});

test('the secrets are made once and kept for the next start', async () => {
  const first = start(dataDir);
  const before = await first.ready();
  first.kill('SIGINT');
  await first.ended;
  expect(statSync(join(dataDir, 'secrets.json')).mode & 0o777).toBe(0o600);
  const after = await start(dataDir).ready();
  expect(after.admin_token).toBe(before.admin_token);
  expect(new URL(after.database_url).password).toBe(new URL(before.database_url).password);
});

test('a second start in the same folder says so in one line, ends with 1 and harms nothing', async () => {
  const first = start(dataDir, NO_POSTGRES);
  const file = await first.ready();
  const second = start(dataDir, NO_POSTGRES);
  expect((await second.ended).code).toBe(1);
  expect(second.output().trim().split('\n')).toHaveLength(1);
  expect(second.output()).toContain(`already runs with the data folder ${dataDir} (pid ${first.pid})`);
  expect((await fetch(`${file.api}/readyz`)).status).toBe(200);
  expect(await first.ready()).toEqual(file);
});

test('kill -9 of the supervisor leaves no process, and the next start takes over', async () => {
  const killed = start(dataDir);
  await killed.ready();
  const processes = everyProcess();
  killed.kill('SIGKILL');
  await killed.ended;
  await expectAllGone(processes);
  expect(existsSync(join(dataDir, 'stack.json'))).toBe(false);
  expect(existsSync(join(dataDir, 'supervisor.lock'))).toBe(true);
  const next = await start(dataDir).ready();
  expect((await fetch(`${next.api}/readyz`)).status).toBe(200);
});

test('kill -9 of supervisor and guardian together: the next start ends what they left', async () => {
  const killed = start(dataDir);
  const file = await killed.ready();
  const processes = everyProcess();
  const guardian = processes.find(({ pid }) => !pidsOf(file).includes(pid));
  process.kill(guardian?.pid ?? 0, 'SIGKILL');
  process.kill(killed.pid, 'SIGKILL');
  await killed.ended;
  const postgres = processes.find(({ pid }) => pid === file.pids.postgres);
  expect(postgres && isRunning(postgres)).toBe(true);
  const next = start(dataDir);
  await next.ready();
  expect(processes.filter(isRunning)).toEqual([]);
  expect(next.output()).toContain('Stopping what an earlier run left');
});

test('a program that ignores SIGTERM does not hold the stop up', async () => {
  const stack = start(dataDir, { ...NO_POSTGRES, STAND_IN_DEAF: 'worker' });
  await stack.ready();
  const processes = everyProcess();
  stack.kill('SIGTERM');
  stack.kill('SIGTERM');
  const { afterMs } = await stack.ended;
  expect(afterMs).toBeLessThan(STOP_MAX_MS);
  expect(processes.filter(isRunning)).toEqual([]);
});

test('a stop in the middle of a start leaves nothing', async () => {
  const stack = start(dataDir);
  await until('the first part to run', async () => existsSync(join(dataDir, 'processes.json')));
  const processes = everyProcess();
  stack.kill('SIGTERM');
  expect((await stack.ended).code).toBe(0);
  expect(processes.filter(isRunning)).toEqual([]);
  expect(stack.output()).toContain('Stopped.');
});

test('the stack ends when the process that started it dies', async () => {
  const script = `require('node:child_process').spawn(process.execPath, [${JSON.stringify(
    join(__dirname, 'stand-ins', 'supervisor.js'),
  )}], { stdio: 'ignore' }); setInterval(() => {}, 1e6);`;
  const env = stackEnvironment(dataDir);
  const parent = spawn(process.execPath, ['-e', script], { env, stdio: 'ignore' });
  const file = await readStackFile(dataDir, () => '').catch((error) => error as Error);
  parent.kill('SIGKILL');
  if (file instanceof Error) throw file;
  const processes = everyProcess();
  await expectAllGone(processes);
  await until('the supervisor to end', async () => readStartTime(file.pids.supervisor) === null, STOP_MAX_MS);
  expect(existsSync(join(dataDir, 'stack.json'))).toBe(false);
});

test('every part that dies is started again, and stack.json follows', async () => {
  const stack = start(dataDir);
  const first = await stack.ready();
  for (const name of ['worker', 'api', 'stripe_simulator', 'postgres'] as const) {
    process.kill(first.pids[name] ?? 0, 'SIGKILL');
    const file = await until(`a new ${name}`, async () => {
      const now = JSON.parse(readFileSync(join(dataDir, 'stack.json'), 'utf8')) as StackFile;
      return now.pids[name] !== null && now.pids[name] !== first.pids[name] && now;
    });
    expect(stack.output()).toContain(`${name}: ended unexpectedly: starting it again in 0.5 s`);
    expect({ ...file, pids: null }).toEqual({ ...first, pids: null });
  }
});

test('a program that cannot start ends the start with its own words, and everything else with it', async () => {
  const stack = start(dataDir, { ...NO_POSTGRES, STAND_IN_BROKEN: 'worker' });
  expect((await stack.ended).code).toBe(1);
  expect(stack.output()).toContain(
    'The worker ended (exit code 3) before it was ready: worker is broken on purpose',
  );
  expect(existsSync(join(dataDir, 'processes.json'))).toBe(false);
});

test.each(['API_PORT', 'STRIPE_SIMULATOR_PORT', 'POSTGRES_PORT', 'METRICS_PORT'])(
  'a taken %s is named in one line',
  async (name) => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const stack = start(dataDir, { ...(name === 'POSTGRES_PORT' ? {} : NO_POSTGRES), [name]: String(port) });
    expect((await stack.ended).code).toBe(1);
    expect(stack.output()).toContain(`Port ${port} is taken by another program.`);
    expect(stack.output()).toContain(`set ${name} to another port`);
    server.close();
  },
);

test('wrong configuration is refused before anything is touched', async () => {
  const stack = start(dataDir, { API_PORT: 'abc', PAYMENT_WINDOW_SECONDS: '-1' });
  expect((await stack.ended).code).toBe(1);
  expect(stack.output().trim().split('\n')).toHaveLength(2);
  expect(existsSync(join(dataDir, 'supervisor.lock'))).toBe(false);
});

test('damaged secrets are not replaced silently', async () => {
  writeFileSync(join(dataDir, 'secrets.json'), '{"ADMIN_TOKEN":');
  const stack = start(dataDir);
  expect((await stack.ended).code).toBe(1);
  expect(stack.output()).toContain('secrets.json is damaged');
});

test('with a real Temporal server: kill -9 leaves none, and its history is there at the next start', async () => {
  const env = { ...NO_POSTGRES, TEMPORAL_ADDRESS: '' };
  const killed = start(dataDir, env);
  const file = await killed.ready();
  const processes = everyProcess();
  expect((await fetch(file.temporal_ui ?? '')).status).toBe(200);
  const cli = process.env['TEMPORAL_CLI_PATH'] ?? '';
  const run = (address: string, ...args: string[]) =>
    execFileSync(cli, [...args, '--address', address], { encoding: 'utf8' });
  run(file.temporal_address, 'workflow', 'start', '--type', 'any', '--task-queue', 'none', '-w', 'kept');
  killed.kill('SIGKILL');
  await killed.ended;
  await expectAllGone(processes);
  const next = await start(dataDir, env).ready();
  expect(run(next.temporal_address, 'workflow', 'describe', '-w', 'kept')).toContain('kept');
});
