// `npm run bench:checkouts`: what a whole shop completes. It starts the product as `npm start` does, with a data folder and ports
// of its own, and lets buyers buy one after the other: create-intent, pay, wait until the order stands. Stock, money and status
// are checked at the end. How fast Stripe lets checkouts be created is a setting; here it is set out of the way.
//   npm run bench:checkouts -- --seconds 5
import { parseArgs } from 'node:util';

import { makeDataDir, removeDataDir } from '../../test/support/data-folder';
import { findBrokenInvariants } from '../../test/support/invariants';
import { payInBrowser } from '../../test/support/shop';
import { startStack } from '../../test/support/stack';
import type { Stack } from '../../test/support/stack';
import { until } from '../../test/support/until';
import { summarise } from '../inventory/load';
import type { Load } from '../inventory/load';
import { table } from '../table';

const BUYERS = [1, 16, 64] as const;
const CREATES_PER_SECOND = '500';

interface Sales {
  buyers: number;
  completed: number;
  refused: number;
  perSecond: number;
  created: Load;
  confirmed: Load;
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { seconds: { type: 'string', default: '15' } } });
  const seconds = Number(values.seconds);
  const dataDir = makeDataDir();
  const stack = await startStack(dataDir, {
    STRIPE_CREATES_PER_SECOND: CREATES_PER_SECOND,
    LOG_LEVEL: 'warn',
  });
  try {
    const productId = await addProduct(stack);
    await sell(stack, productId, 16, 3);
    const rows: Sales[] = [];
    for (const buyers of BUYERS) rows.push(await sell(stack, productId, buyers, seconds));
    console.log(render(rows));
    const { stripe_simulator: simulatorUrl } = stack.file();
    const { rows: installed } = await stack.pool.query<{ holdfast_env: string }>(
      'select holdfast_env from installation',
    );
    const faults = await findBrokenInvariants({
      pool: stack.pool,
      simulatorUrl,
      holdfastEnv: installed[0]?.holdfast_env ?? '',
    });
    if (faults.length > 0) throw new Error(`stock, money and status do not agree: ${faults.join('; ')}`);
  } finally {
    await stack.stop();
    removeDataDir(dataDir);
  }
}

async function addProduct(stack: Stack): Promise<string> {
  const { rows } = await stack.pool.query<{ id: string }>(
    `insert into drop_products (drop_id, name, unit_price_minor, total_inventory)
     select id, 'Bench product', 2500, 1000000 from drops order by opens_at limit 1 returning id`,
  );
  return rows[0]?.id ?? '';
}

/** Each buyer buys again as soon as the last order stands. */
async function sell(stack: Stack, productId: string, buyers: number, seconds: number): Promise<Sales> {
  const { stripe_simulator: stripeUrl, publishable_key: publishableKey } = stack.file();
  const createdMs: number[] = [];
  const confirmedMs: number[] = [];
  let refused = 0;
  const startedAtMs = performance.now();
  const buyer = async (): Promise<void> => {
    while (performance.now() - startedAtMs < seconds * 1_000) {
      const askedAtMs = performance.now();
      const { status, body } = await stack.shop.create([{ drop_product_id: productId, quantity: 1 }]);
      if (status !== 201) {
        refused += 1;
        continue;
      }
      createdMs.push(performance.now() - askedAtMs);
      const paidAtMs = performance.now();
      await payInBrowser(stripeUrl, publishableKey, body);
      await until(
        'the order to stand',
        async () => (await stack.shop.read(body)).status === 'confirmed',
        60_000,
      );
      confirmedMs.push(performance.now() - paidAtMs);
    }
  };
  await Promise.all(Array.from({ length: buyers }, buyer));
  const elapsedMs = performance.now() - startedAtMs;
  return {
    buyers,
    completed: confirmedMs.length,
    refused,
    perSecond: (confirmedMs.length / elapsedMs) * 1_000,
    created: summarise(createdMs, elapsedMs),
    confirmed: summarise(confirmedMs, elapsedMs),
  };
}

function render(rows: readonly Sales[]): string {
  return table(
    [
      'buyers at once',
      'sales per second',
      'create p50 ms',
      'create p99 ms',
      'paid to confirmed p50 ms',
      'p99 ms',
      'refused',
    ],
    rows.map(({ buyers, perSecond, created, confirmed, refused }) => [
      String(buyers),
      perSecond.toFixed(1),
      created.p50Ms.toFixed(0),
      created.p99Ms.toFixed(0),
      confirmed.p50Ms.toFixed(0),
      confirmed.p99Ms.toFixed(0),
      String(refused),
    ]),
  );
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
