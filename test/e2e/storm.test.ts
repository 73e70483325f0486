// Two thousand buyers in the same instant on one small machine: honest answers, no hold without an answered buyer, and
// whole stock once everybody has walked away.
import { readFileSync } from 'node:fs';

import { makeDataDir, removeDataDir } from '../support/data-folder';
import { findBrokenInvariants } from '../support/invariants';
import { Shop, type CreateAnswer } from '../support/shop';
import { startStack, type Stack } from '../support/stack';
import { until } from '../support/until';

jest.setTimeout(300_000);

const BUYERS = 2_000;
/** One process of ours; measured at about 300 MB on the worker. */
const RESIDENT_MAX_MB = 1_024;

let dataDir: string;
let stack: Stack;

beforeAll(async () => {
  dataDir = makeDataDir();
  stack = await startStack(dataDir, { PAYMENT_WINDOW_SECONDS: '20', LOG_LEVEL: 'warn' });
});

afterAll(async () => {
  await stack?.stop();
  removeDataDir(dataDir);
});

function residentMb(pid: number): number {
  const kb = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kb) / 1024;
}

test('2,000 creates at once end in answers, bounded memory and whole stock', async () => {
  const product = (await stack.shop.drops())
    .flatMap((drop) => drop.products)
    .find(({ total }) => total >= 1_000);
  if (product === undefined) throw new Error('unexpected demo drop');
  const buyers = Array.from({ length: BUYERS }, async (): Promise<[string, CreateAnswer]> => {
    const key = Shop.key();
    return [key, await stack.shop.create([{ drop_product_id: product.id, quantity: 1 }], key)];
  });
  const answers = (await Promise.all(buyers)).map(([, answer]) => answer);

  const codes = new Map<string, number>();
  for (const { status, body } of answers) {
    const name = status === 201 ? 'opened' : body.code;
    codes.set(name, (codes.get(name) ?? 0) + 1);
  }
  console.info(Object.fromEntries(codes));
  expect([...codes.keys()].filter((code) => !HONEST.has(code))).toEqual([]);
  expect(codes.get('opened') ?? 0).toBeGreaterThan(0);

  const told = answers.map(({ body }) => body.checkout_id).filter((id) => id !== undefined);
  const { rows } = await stack.pool.query<{ id: string }>(
    `select distinct checkout_id as id from inventory_reservations where status = 'held' and not checkout_id = any ($1)`,
    [told],
  );
  expect(rows).toEqual([]);
  for (const name of ['api', 'worker'] as const) {
    expect(residentMb(stack.file().pids[name])).toBeLessThan(RESIDENT_MAX_MB);
  }

  await until(
    'every checkout to end',
    async () => {
      const open = await stack.pool.query(
        `select 1 from checkouts where status in ('opening', 'awaiting_payment', 'payment_processing') limit 1`,
      );
      return open.rows.length === 0;
    },
    150_000,
  );
  expect(await stack.shop.available(product.id)).toBe(product.total);
  const env = await stack.pool.query<{ holdfast_env: string }>('select holdfast_env from installation');
  expect(
    await findBrokenInvariants({
      pool: stack.pool,
      simulatorUrl: stack.file().stripe_simulator,
      holdfastEnv: env.rows[0]?.holdfast_env ?? '',
    }),
  ).toEqual([]);
});

const HONEST = new Set([
  'opened',
  'busy',
  'checkout_pending',
  'service_unavailable',
  'checkout_not_opened',
  'payment_provider_unavailable',
  'insufficient_inventory',
]);
