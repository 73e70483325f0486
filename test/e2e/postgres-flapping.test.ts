// PostgreSQL stopped and started every few seconds for two minutes, now in good order, now without warning, while buyers come,
// pay, try again, give up and walk away: every checkout ends, and stock and money are right.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { migrate } from '../../db/migrate';
import { createPool } from '../../db/pool';
import { seedDemoDrop } from '../../db/seed';
import { startPostgres, type RunningPostgres } from '../../local/postgres';
import { startGuardian, type Guardian } from '../../local/processes/guardian';
import { makeDataDir, removeDataDir } from '../support/data-folder';
import { Shop, type CreateAnswer, type CreateBody } from '../support/shop';
import { startStack, type Stack } from '../support/stack';
import { shopAt } from '../support/stack-shop';
import { until } from '../support/until';

jest.setTimeout(480_000);

const FLAPPING_MS = 120_000;
const UP_MS = 3_000;
const DOWN_MS = 1_000;
const BUYERS = 6;
const UNITS = 400;
const ENDED_MS = 180_000;

let folder: string;
let dataDir: string;
let guardian: Guardian;
let postgres: RunningPostgres;
let stack: Stack;
const shop = shopAt(() => stack);

const startCluster = (port: number) =>
  startPostgres({ dataDir: folder, port, guardian, log: () => undefined });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-flapping-'));
  chmodSync(folder, 0o711); // PostgreSQL's user must get through
  dataDir = makeDataDir();
  guardian = startGuardian();
  postgres = await startCluster(0);
  await migrate(postgres.url);
  const pool = createPool({ connectionString: postgres.url, applicationName: 'holdfast-flapping', max: 1 });
  await seedDemoDrop(pool);
  await pool.end();
  stack = await startStack(dataDir, {
    DATABASE_URL: postgres.url,
    CHECKOUT_TOKEN_SECRET: 'token-secret-of-this-test',
    ADMIN_TOKEN: 'admin-token-of-this-test',
    PAYMENT_WINDOW_SECONDS: '20',
    END_PAYMENT_PAUSE_MAX_SECONDS: '5',
    RECLAIM_GRACE_SECONDS: '30',
  });
});

afterAll(async () => {
  await stack?.stop();
  await postgres?.stop();
  await guardian?.close();
  for (const path of [postgres?.place, folder])
    if (path !== undefined) rmSync(path, { recursive: true, force: true });
  removeDataDir(dataDir);
});

async function flap(untilMs: number): Promise<number> {
  let stops = 0;
  while (Date.now() < untilMs) {
    await pause(UP_MS);
    process.kill(postgres.pid, stops % 2 === 0 ? 'SIGINT' : 'SIGQUIT');
    await postgres.exited;
    stops += 1;
    await pause(DOWN_MS);
    postgres = await startCluster(postgres.port);
  }
  return stops;
}

/** The same key as long as the answer says so; a lost connection says so too. */
function insist(productId: string): Promise<CreateAnswer> {
  const key = Shop.key();
  return until(
    'a final answer',
    async () => {
      const answer = await stack.shop.create([{ drop_product_id: productId, quantity: 1 }], key);
      return answer.status !== 201 && answer.body.retry === 'same_key' ? null : answer;
    },
    120_000,
  );
}

/** Five kinds of buyer, in turn. */
async function behave(kind: number, checkout: CreateBody): Promise<void> {
  if (checkout.client_secret === null) return; // its time was over when the answer came
  if (kind === 0 || kind === 1) await shop.pay(checkout);
  if (kind === 2) {
    await shop.pay(checkout, 'pm_card_visa_chargeDeclined');
    await shop.pay(checkout);
  }
  if (kind === 3) await stack.shop.cancel(checkout).catch(() => undefined);
}

async function buyAndBuyAgain(productId: string, first: number, untilMs: number): Promise<number> {
  let buys = 0;
  for (let kind = first; Date.now() < untilMs; kind += 1) {
    const { status, body } = await insist(productId);
    if (status === 201) {
      await behave(kind % 5, body);
      buys += 1;
    }
  }
  return buys;
}

test('two minutes of a database that comes and goes: all end, and everything adds up', async () => {
  const productId = await shop.addProduct(UNITS);
  const untilMs = Date.now() + FLAPPING_MS;
  const flapping = flap(untilMs);
  const buys = await Promise.all(
    Array.from({ length: BUYERS }, (_, buyer) => buyAndBuyAgain(productId, buyer, untilMs)),
  );
  const stops = await flapping;
  console.info(
    `${buys.reduce((sum, n) => sum + n, 0)} checkouts were opened while PostgreSQL was stopped ${stops} times.`,
  );
  expect(stops).toBeGreaterThan(15);

  await until(
    'every checkout to end',
    async () => {
      const { rows } = await stack.pool.query(
        `select 1 from checkouts where closed_at is null or status = 'refund_pending' limit 1`,
      );
      return rows.length === 0;
    },
    ENDED_MS,
  );
  const { rows } = await stack.pool.query<{ status: string; n: number }>(
    'select status, count(*)::int as n from checkouts group by status order by status',
  );
  console.info(Object.fromEntries(rows.map(({ status, n }) => [status, n])));
  const confirmed = rows.find(({ status }) => status === 'confirmed')?.n ?? 0;
  expect(confirmed).toBeGreaterThan(0);
  expect(await stack.shop.available(productId)).toBe(UNITS - confirmed);
  expect(await shop.brokenInvariants()).toEqual([]);
});
