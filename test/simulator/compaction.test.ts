// The journal of a running simulator: bounded, and whole whenever the process is killed.

import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startSimulator } from '../../local/stripe-simulator';
import { Journal } from '../../local/stripe-simulator/journal';
import type { Change } from '../../local/stripe-simulator/store';
import { until } from '../support/until';
import { control, ORDER, sdk } from './support';

const SIMULATOR = path.join(__dirname, '../../local/stripe-simulator');

let dataDir: string;
let file: string;
beforeEach(() => {
  dataDir = mkdtempSync(path.join(os.tmpdir(), 'simulator-test-'));
  file = path.join(dataDir, 'journal.jsonl');
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

test('a journal that grows without its state growing is compacted while it runs', async () => {
  const simulator = await startSimulator({ port: 0, dataDir, compactBytesMin: 20_000 });
  const { id } = await sdk(simulator.port).paymentIntents.create(ORDER);
  let written = 0;
  let largest = 0;
  let before = statSync(file).size;
  for (let delay_ms = 1; delay_ms <= 300; delay_ms += 1) {
    await control(simulator.url, 'POST', 'webhooks', { mode: 'hold', delay_ms });
    const { size } = statSync(file);
    written += Math.max(0, size - before);
    largest = Math.max(largest, size);
    before = size;
  }
  await simulator.close();
  expect(written).toBeGreaterThan(100_000);
  expect(largest).toBeLessThan(25_000);
  const again = await startSimulator({ port: 0, dataDir });
  expect(await control(again.url, 'GET', 'webhooks')).toMatchObject({ mode: 'hold', delay_ms: 300 });
  expect((await sdk(again.port).paymentIntents.retrieve(id)).amount).toBe(2_500);
  await again.close();
});

/** A process that has a simulator's state and kills itself with -9 after the given share of the compacted lines. */
function compactAndDie(share: number): NodeJS.Signals | null {
  const script = `
    const { Journal } = require(${JSON.stringify(path.join(SIMULATOR, 'journal.ts'))});
    const state = new Map();
    const journal = new Journal(process.argv[1]);
    journal.replay((change) => state.set(change.kind + change.id, change));
    const changes = [...state.values()];
    const last = Math.floor(changes.length * ${share});
    journal.compact((function* () {
      for (const [index, change] of changes.entries()) {
        if (index === last) process.kill(process.pid, 'SIGKILL');
        yield change;
      }
      process.kill(process.pid, 'SIGKILL');
    })());`;
  const { signal } = spawnSync(process.execPath, ['--import', 'tsx', '-e', script, dataDir], {
    cwd: path.join(SIMULATOR, '../..'),
  });
  return signal;
}

test.each([0, 0.5, 1])(
  'killed after %d of a compaction, everything answered is still there',
  async (share) => {
    const first = await startSimulator({ port: 0, dataDir });
    const ids: string[] = [];
    for (let i = 0; i < 300; i += 1) ids.push((await sdk(first.port).paymentIntents.create(ORDER)).id);
    await first.close();
    const before = readFileSync(file);
    expect(compactAndDie(share)).toBe('SIGKILL');
    expect(readFileSync(file).equals(before)).toBe(true);
    const again = await startSimulator({ port: 0, dataDir });
    const { payment_intents: lines } = await control(again.url, 'GET', 'ledger');
    expect(lines.map(({ id }) => id)).toEqual(ids);
    expect(readdirSync(dataDir)).toEqual(['journal.jsonl']);
    await again.close();
  },
);

test('killed at any moment while it compacts all the time, no answered sale is lost', async () => {
  let child: ChildProcess | undefined;
  const spawned = spawn(process.execPath, ['--import', 'tsx', path.join(SIMULATOR, 'main.ts')], {
    env: {
      ...process.env,
      STRIPE_SIMULATOR_PORT: '0',
      STRIPE_SIMULATOR_DATA_DIR: dataDir,
      STRIPE_SIMULATOR_COMPACT_BYTES: '1',
      LOG_LEVEL: 'info',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child = spawned;
  let output = '';
  spawned.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const url = await until('the ready line', () =>
    Promise.resolve(/"url":"(http:[^"]+)".*ready/.exec(output)?.[1]),
  );
  const stripe = sdk(Number(new URL(url).port));
  const answered: string[] = [];
  const buyers = Array.from({ length: 8 }, async () => {
    try {
      for (;;) {
        const paid = { ...ORDER, confirm: true, payment_method: 'pm_card_visa' };
        answered.push((await stripe.paymentIntents.create(paid)).id);
      }
    } catch {
      // The kill ends every buyer.
    }
  });
  await until('some sales', () => Promise.resolve(answered.length > 150));
  child.kill('SIGKILL');
  await Promise.all(buyers);
  const again = await startSimulator({ port: 0, dataDir });
  const { payment_intents: lines } = await control(again.url, 'GET', 'ledger');
  const captured = new Map(lines.map((line) => [line.id, line.captured]));
  expect(answered.filter((id) => captured.get(id) !== 2_500)).toEqual([]);
  await again.close();
});

test('a line that could not be written whole is cut off, and the next one stands alone', () => {
  // The limit on a file's size stands in for a full disk: the write stops in the middle of a line.
  const script = `
    const { Journal } = require(${JSON.stringify(path.join(SIMULATOR, 'journal.ts'))});
    const change = (id, text) => ({ kind: 'jobs', id, record: { id, text } });
    const journal = new Journal(process.argv[1]);
    journal.compact([change('a', '')]);
    try {
      for (let n = 0; n < 100; n += 1) journal.append([change('b', 'x'.repeat(700))]);
      process.exit(3);
    } catch (error) {
      if (error.code !== 'EFBIG') throw error;
    }
    journal.append([change('c', '')]);`;
  const shell = `trap '' XFSZ; ulimit -f 4; exec "$0" --import tsx -e "$1" "$2"`;
  const { status, stderr } = spawnSync('sh', ['-c', shell, process.execPath, script, dataDir], {
    cwd: path.join(SIMULATOR, '../..'),
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const ids: string[] = [];
  new Journal(dataDir).replay(({ id }) => ids.push(id));
  expect([ids[0], ids.at(-1)]).toEqual(['a', 'c']);
});

test('a compaction that fails leaves the journal as it was, and it goes on', () => {
  const change = (id: string) => ({ kind: 'jobs', id, record: { id } }) as unknown as Change;
  const journal = new Journal(dataDir, 1);
  journal.compact([change('a')]);
  const failing = (function* () {
    yield change('lost');
    throw new Error('no space left');
  })();
  expect(() => journal.compact(failing)).toThrow('no space left');
  expect(journal.isOvergrown).toBe(false);
  journal.append([change('b')]);
  journal.close();
  expect(readdirSync(dataDir)).toEqual(['journal.jsonl']);
  const ids: string[] = [];
  new Journal(dataDir).replay(({ id }) => ids.push(id));
  expect(ids).toEqual(['a', 'b']);
});

test('what a killed compaction left behind does not disturb the next start', async () => {
  writeFileSync(`${file}.next`, '[{"kind":"refunds","id":"re_torn","rec');
  const simulator = await startSimulator({ port: 0, dataDir });
  await sdk(simulator.port).paymentIntents.create(ORDER);
  await simulator.close();
  expect(readdirSync(dataDir)).toEqual(['journal.jsonl']);
  expect(readFileSync(file, 'utf8')).not.toContain('re_torn');
});
