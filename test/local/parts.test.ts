// The supervisor's small parts: restarts and their pauses, readable lines, locks, the guardian, and noted processes.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readableError, SetupError } from '../../local/processes/errors';
import { identify, isRunning, readStartTime } from '../../local/processes/identity';
import { releaseLock, takeLock } from '../../local/processes/lock';
import { bannerLines, withoutPassword } from '../../local/supervisor/banner';
import { createOutput } from '../../local/supervisor/output';
import { backoffMs, keepRunning } from '../../local/supervisor/service';
import type { RunningPart } from '../../local/supervisor/service';
import { registerWebhookEndpoint } from '../../local/supervisor/webhook-endpoint';
import { startSimulator } from '../../local/stripe-simulator';
import pino from 'pino';
import { until } from '../support/until';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast parts-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('pauses before a restart double from half a second up to fifteen', () => {
  expect([1, 2, 3, 4, 5, 6, 7, 50].map(backoffMs)).toEqual([
    500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000,
  ]);
});

test('a part that keeps dying is started again with growing pauses, and stays down once stopped', async () => {
  const pauses: number[] = [];
  const lines: string[] = [];
  let starts = 0;
  const kept = await keepRunning<RunningPart>({
    name: 'part',
    start: async () => {
      starts += 1;
      if (starts === 3) throw new SetupError('not now');
      return {
        pid: starts,
        exited: starts < 6 ? Promise.resolve() : new Promise(() => {}),
        stop: async () => {},
      };
    },
    onChange: () => {},
    log: (line) => lines.push(line),
    pauseMs: (failures) => {
      pauses.push(failures);
      return 1;
    },
  });
  await until('the last start', async () => kept.pid() === 6);
  expect(pauses).toEqual([1, 2, 3, 4, 5]);
  expect(lines).toContain('not now');
  await kept.stop(0);
  expect(starts).toBe(6);
});

test('a part that cannot start the first time is not tried again', async () => {
  const start = async (): Promise<RunningPart> => {
    throw new SetupError('wrong');
  };
  await expect(keepRunning({ name: 'part', start, onChange: () => {}, log: () => {} })).rejects.toThrow(
    'wrong',
  );
});

test('every line carries the name of its part; JSON becomes text; an entry of several lines has it on each', () => {
  let text = '';
  const output = createOutput((more) => (text += more), false);
  const api = output.of('api');
  api(
    '{"level":30,"time":1700000000000,"pid":1,"hostname":"h","name":"api","checkout_id":"c1","msg":"opened"}',
  );
  api('plain words');
  output.of('worker')(
    '{"level":50,"time":1700000000000,"err":{"type":"Error","message":"no","stack":"Error: no\\n at x"},"msg":"bad"}',
  );
  const lines = text.trimEnd().split('\n');
  expect(lines[0]).toMatch(/^api {6}\| \[\d\d:\d\d:\d\d\] INFO: opened \{"checkout_id":"c1"\}$/);
  expect(lines[1]).toBe('api      | plain words');
  expect(lines.slice(2).length).toBeGreaterThan(1);
  for (const line of lines.slice(2)) expect(line).toMatch(/^worker {3}\| /);
  expect(text).not.toContain('\u001b');
});

test('the announcement shows no password and no token', () => {
  expect(withoutPassword('postgresql://me:secret@127.0.0.1:5/db')).toBe('postgresql://me@127.0.0.1:5/db');
  const text = bannerLines(
    {
      api: 'http://127.0.0.1:3000',
      storefront: null,
      admin: null,
      temporal_address: '127.0.0.1:7233',
      temporal_ui: null,
      stripe_simulator: null,
      database_url: 'postgresql://me:secret@127.0.0.1:5/db',
      publishable_key: 'pk_test_simulator',
      admin_token: 'token-of-the-admin',
      pids: { supervisor: 1, api: 2, worker: 3, temporal: null, postgres: null, stripe_simulator: null },
    },
    { dataDir: '/data', seconds: 1.23 },
  ).join('\n');
  expect(text).toContain('Ready in 1.2 s.');
  expect(text).toContain('curl http://127.0.0.1:3000/api/drops');
  expect(text).not.toMatch(/secret|token-of-the-admin|Temporal UI/);
});

test('a lock is held by a live process alone', () => {
  const path = join(folder, 'lock');
  expect(takeLock(path)).toBeNull();
  expect(takeLock(path)?.holder?.pid).toBe(process.pid);
  releaseLock(path);
  writeFileSync(path, JSON.stringify({ pid: process.pid, startedAt: 'another time' }));
  expect(takeLock(path)).toBeNull();
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(identify(process.pid));
  writeFileSync(path, ''); // being written this instant: not to be touched
  expect(takeLock(path)).toEqual({ holder: undefined });
});

test('a process is known by pid and start time; one that ended and was not waited for counts as gone', async () => {
  const child = spawn('/bin/sh', ['-c', 'sleep 60 & exec sleep 60'], { detached: true, stdio: 'ignore' });
  const identity = identify(child.pid ?? 0);
  expect(identity && isRunning(identity)).toBe(true);
  expect(isRunning({ pid: child.pid ?? 0, startedAt: '1' })).toBe(false);
  process.kill(-(child.pid ?? 0), 'SIGKILL');
  await until('it to be gone', async () => identity !== null && !isRunning(identity));
  expect(readStartTime(2 ** 22 + 1)).toBeNull();
});

test('the guardian ends what it watches, group and all, and removes the file, when its owner is killed', async () => {
  const note = join(folder, 'note');
  const guardianPath = join(__dirname, '../../local/processes/guardian.ts');
  const script = `require('tsx/cjs');
    const { spawn } = require('child_process');
    const guardian = require(${JSON.stringify(guardianPath)}).startGuardian();
    const deaf = spawn('/bin/sh', ['-c', 'trap "" TERM; while :; do sleep 0.1; done'], { detached: true, stdio: 'ignore' });
    const group = spawn('/bin/sh', ['-c', 'sleep 60 & echo $!; wait'], { detached: true });
    guardian.watch(deaf.pid, 'SIGTERM');
    guardian.watchGroup(group.pid);
    guardian.removeOnDeath(${JSON.stringify(note)});
    require('fs').writeFileSync(${JSON.stringify(note)}, '');
    group.stdout.once('data', (pid) => console.log(JSON.stringify([deaf.pid, group.pid, Number(pid), guardian.pid])));`;
  const owner = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  owner.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const pids = await until('the owner', async () => said.endsWith('\n') && (JSON.parse(said) as number[]));
  const processes = pids.map((pid) => identify(pid));
  expect(processes).not.toContain(null);
  owner.kill('SIGKILL');
  await until('all to be gone', async () => processes.every((one) => one && !isRunning(one)), 10_000);
  expect(existsSync(note)).toBe(false);
});

test('the webhook endpoint is registered once and moves with the API, keeping its secret', async () => {
  const simulator = await startSimulator({ port: 0, dataDir: null, log: pino({ level: 'silent' }) });
  try {
    const register = (webhookUrl: string) =>
      registerWebhookEndpoint({ simulatorUrl: simulator.url, secretKey: 'sk_test_simulator', webhookUrl });
    const secret = await register('http://127.0.0.1:3000/api/webhooks/stripe');
    expect(secret).toMatch(/^whsec_/);
    expect(await register('http://127.0.0.1:3001/api/webhooks/stripe')).toBe(secret);
    const list = await fetch(`${simulator.url}/_simulator/webhook_endpoints`);
    expect(await list.json()).toMatchObject({
      webhook_endpoints: [{ url: 'http://127.0.0.1:3001/api/webhooks/stripe', secret }],
    });
  } finally {
    await simulator.close();
  }
});

test('errors a person can act on are one line', () => {
  expect(readableError(new SetupError('do this'))).toBe('do this');
  expect(readableError(Object.assign(new Error('x'), { code: 'ENOSPC' }))).toContain('The disk is full');
  expect(readableError(Object.assign(new Error('open /x'), { code: 'EACCES' }))).toBe(
    'No write access: open /x',
  );
});
