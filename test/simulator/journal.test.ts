// The journal: what was answered is still true after the process was killed in the middle of things.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startSimulator } from '../../local/stripe-simulator';
import type { RunningSimulator } from '../../local/stripe-simulator';
import { until } from '../support/until';
import { control, ORDER, rejection, sdk, startReceiver } from './support';

const MAIN = path.join(__dirname, '../../local/stripe-simulator/main.ts');

let dataDir: string;
let child: ChildProcess | undefined;
const running: RunningSimulator[] = [];
beforeEach(() => {
  dataDir = mkdtempSync(path.join(os.tmpdir(), 'simulator-test-'));
});
afterEach(async () => {
  if (child) await kill(child, 'SIGKILL');
  child = undefined;
  for (const simulator of running.splice(0)) await simulator.close();
  rmSync(dataDir, { recursive: true, force: true });
});

/** A simulator in a process of its own on a free port; resolves with the port once it answers. */
async function spawnSimulator(): Promise<number> {
  const spawned = spawn(process.execPath, ['--import', 'tsx', MAIN], {
    env: {
      ...process.env,
      STRIPE_SIMULATOR_PORT: '0',
      STRIPE_SIMULATOR_DATA_DIR: dataDir,
      LOG_LEVEL: 'info',
    },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  child = spawned;
  let output = '';
  spawned.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const url = await until('the ready line', () =>
    Promise.resolve(/"url":"(http:[^"]+)".*ready/.exec(output)?.[1]),
  );
  return Number(new URL(url).port);
}

/** A simulator in this process on the same folder. */
async function start(): Promise<RunningSimulator> {
  const simulator = await startSimulator({ port: 0, dataDir });
  running.push(simulator);
  return simulator;
}

async function stop(simulator: RunningSimulator): Promise<void> {
  running.splice(running.indexOf(simulator), 1);
  await simulator.close();
}

function kill(victim: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (victim.exitCode !== null || victim.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    victim.once('exit', () => resolve());
    victim.kill(signal);
  });
}

test('killed with -9, it comes back with every answer it gave', async () => {
  const receiver = await startReceiver([500, 500, 500, 500]);
  const port = await spawnSimulator();
  const stripe = sdk(port);
  const account = (await stripe.accounts.retrieveCurrent()).id;
  const endpoint = await stripe.webhookEndpoints.create({
    url: receiver.url,
    enabled_events: ['payment_intent.succeeded'],
  });
  await control(`http://127.0.0.1:${port}`, 'POST', 'clock', { advance_seconds: 3_600 });
  const key = { idempotencyKey: 'journal:1' };
  const created = await stripe.paymentIntents.create(ORDER, key);
  await stripe.paymentIntents.confirm(created.id, { payment_method: 'pm_card_visa' });
  const refund = await stripe.refunds.create({ payment_intent: created.id, amount: 500 });
  await until('a first attempt', () => Promise.resolve(receiver.received.length >= 1));
  if (child) await kill(child, 'SIGKILL');
  appendFileSync(path.join(dataDir, 'journal.jsonl'), '[{"kind":"refunds","id":"re_torn","rec');

  const again = await spawnSimulator();
  const after = sdk(again);
  const url = `http://127.0.0.1:${again}`;
  expect((await after.accounts.retrieveCurrent()).id).toBe(account);
  expect((await after.paymentIntents.create(ORDER, key)).id).toBe(created.id);
  expect((await after.refunds.retrieve(refund.id)).amount).toBe(500);
  expect((await rejection(after.refunds.retrieve('re_torn'))).code).toBe('resource_missing');
  const [line] = (await control(url, 'GET', 'ledger')).payment_intents;
  expect(line).toMatchObject({ id: created.id, status: 'succeeded', captured: 2_500, refunded: 500 });
  expect((await control(url, 'GET', 'webhook_endpoints')).webhook_endpoints).toMatchObject([
    { id: endpoint.id, secret: endpoint.secret },
  ]);
  expect((await control(url, 'GET', 'clock')).offset_seconds).toBe(3_600);
  // The delivery nobody took before the kill is tried again by the new process.
  await control(url, 'POST', 'clock', { advance_seconds: 3_600 });
  await until('the delivery', () => Promise.resolve(receiver.received.length >= 2));
  const last = receiver.received.at(-1);
  after.webhooks.constructEvent(last?.body ?? '', last?.signature ?? '', endpoint.secret ?? '');
  await receiver.close();
});

test('killed at any moment, an answered create is there and an unanswered one is whole or absent', async () => {
  const port = await spawnSimulator();
  const answered: string[] = [];
  let isKilled = false;
  const buyers = Array.from({ length: 8 }, async (_, buyer) => {
    const stripe = sdk(port);
    for (let n = 0; !isKilled && n < 500; n += 1) {
      try {
        const { id } = await stripe.paymentIntents.create(
          { ...ORDER, confirm: true, payment_method: 'pm_card_visa' },
          { idempotencyKey: `kill:${buyer}:${n}` },
        );
        answered.push(id);
      } catch {
        return;
      }
    }
  });
  await until('some sales', () => Promise.resolve(answered.length > 50));
  if (child) await kill(child, 'SIGKILL');
  isKilled = true;
  await Promise.all(buyers);

  const again = await start();
  const { payment_intents: lines } = await control(again.url, 'GET', 'ledger');
  const byId = new Map(lines.map((line) => [line.id, line]));
  expect(answered.filter((id) => byId.get(id)?.captured !== 2_500)).toEqual([]);
  expect(lines.filter(({ status, captured }) => status !== 'succeeded' || captured !== 2_500)).toEqual([]);
  await stop(again);
});

test('it stops by itself when told to, and when its supervisor is gone', async () => {
  await spawnSimulator();
  const first = child;
  if (first) await kill(first, 'SIGTERM');
  expect(first?.exitCode).toBe(0);
  await spawnSimulator();
  const second = child;
  const exited = new Promise<void>((resolve) => second?.once('exit', () => resolve()));
  second?.disconnect();
  await exited;
  expect(second?.exitCode).toBe(0);
});

test('compaction keeps the state and drops the history', async () => {
  const file = path.join(dataDir, 'journal.jsonl');
  const first = await start();
  const stripe = sdk(first.port);
  const { id } = await stripe.paymentIntents.create(ORDER);
  for (let i = 0; i < 50; i += 1) await stripe.paymentIntents.update(id, { metadata: { i: String(i) } });
  await stop(first);
  const versionsOf = () => readFileSync(file, 'utf8').split('"kind":"payment_intents"').length - 1;
  expect(versionsOf()).toBe(51);
  const second = await start();
  expect(versionsOf()).toBe(1);
  expect((await sdk(second.port).paymentIntents.retrieve(id)).metadata).toEqual({ i: '49' });
  await stop(second);
});

test('two simulators never share a data folder', async () => {
  const first = await start();
  await expect(start()).rejects.toThrow('another Stripe simulator');
  await stop(first);
  const second = await start();
  await stop(second);
});

test('a journal damaged in the middle stops the start instead of forgetting money', async () => {
  const first = await start();
  await sdk(first.port).paymentIntents.create(ORDER);
  await stop(first);
  const file = path.join(dataDir, 'journal.jsonl');
  const lines = readFileSync(file, 'utf8').split('\n');
  writeFileSync(file, [`${lines[0]?.slice(0, -5)}`, ...lines.slice(1)].join('\n'));
  await expect(start()).rejects.toThrow('is damaged in line 1');
});
