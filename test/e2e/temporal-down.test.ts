// Temporal hangs for a minute, then dies and comes back on its file: webhooks are stored, or honestly refused, and nothing is lost.
import { makeDataDir, removeDataDir } from '../support/data-folder';
import { readDeliveries } from '../support/ledger';
import type { CreateBody } from '../support/shop';
import { startStack, type Stack } from '../support/stack';
import { shopAt } from '../support/stack-shop';
import { until } from '../support/until';

jest.setTimeout(300_000);

const DOWN_MS = 60_000;
const BUYERS = 10;

let dataDir: string;
let stack: Stack;
const shop = shopAt(() => stack);

beforeAll(async () => {
  dataDir = makeDataDir();
  stack = await startStack(dataDir, { PAYMENT_WINDOW_SECONDS: '30' });
});

afterAll(async () => {
  await stack?.stop();
  removeDataDir(dataDir);
});

test('a minute without Temporal: every paid checkout is confirmed, every other one ends, and no answer was a lie', async () => {
  const productId = await shop.addProduct(3 * BUYERS);
  const checkouts = await Promise.all(Array.from({ length: 2 * BUYERS }, () => shop.open(productId)));
  const [paid, unpaid] = [checkouts.slice(0, BUYERS), checkouts.slice(BUYERS)];
  const { temporal } = stack.file().pids;
  process.kill(temporal, 'SIGSTOP');
  const downSince = Date.now();
  try {
    for (const checkout of paid) expect((await shop.pay(checkout)).body.status).toBe('succeeded');
    const refused = await stack.shop.create([{ drop_product_id: productId, quantity: 1 }]);
    expect([refused.status, refused.body.retry]).toEqual([503, 'same_key']);
    expect(await statusOf('/readyz')).toBe(503);
    expect(await statusOf('/api/drops')).toBe(200);
    await until('every payment to be stored', async () => (await storedPayments(paid)) === BUYERS, 60_000);
    // Longer than the deadline: nobody gives units back meanwhile.
    await until('the minute to be over', () => Promise.resolve(Date.now() - downSince >= DOWN_MS), DOWN_MS);
    expect(await stack.shop.available(productId)).toBe(BUYERS);
    const acknowledged = (await readDeliveries(stack.file().stripe_simulator)).filter(
      ({ status }) => status === 200,
    );
    expect(await unforwarded(acknowledged.map((delivery) => delivery.event_id))).toEqual([]);
  } finally {
    process.kill(temporal, 'SIGCONT');
  }
  await shop.kill('temporal');

  for (const checkout of paid) await shop.reach(checkout, 'confirmed', 150_000);
  for (const checkout of unpaid) await shop.reach(checkout, 'expired', 150_000);
  expect(await stack.shop.available(productId)).toBe(2 * BUYERS);
  for (const checkout of paid) {
    expect(await shop.paymentOf(checkout)).toMatchObject({ captured: checkout.amount, refunded: 0 });
  }
  expect(await shop.brokenInvariants()).toEqual([]);
  const later = await shop.open(productId);
  expect((await shop.pay(later)).body.status).toBe('succeeded');
  await shop.reach(later, 'confirmed');
});

const statusOf = async (path: string) => (await fetch(`${stack.file().api}${path}`)).status;

async function storedPayments(checkouts: CreateBody[]): Promise<number> {
  const { rows } = await stack.pool.query<{ n: number }>(
    `select count(*)::int as n from webhook_events
     where type = 'payment_intent.succeeded' and checkout_id = any ($1)`,
    [checkouts.map((checkout) => checkout.checkout_id)],
  );
  return rows[0]?.n ?? 0;
}

/** Of events that were acknowledged: those that somebody must hand on, and nobody has. */
async function unforwarded(eventIds: string[]): Promise<string[]> {
  const { rows } = await stack.pool.query<{ event_id: string }>(
    'select event_id from webhook_events where event_id = any ($1) and forwarded_at is null and outcome is null',
    [eventIds],
  );
  return rows.map((row) => row.event_id);
}
