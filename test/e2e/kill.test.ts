// kill -9 of the worker with a checkout standing in every step at once: each ends as if nothing had happened.

import { checkoutIdFromKey } from '../../contracts/fingerprint';
import { makeDataDir, removeDataDir } from '../support/data-folder';
import { findBrokenInvariants } from '../support/invariants';
import { postJson, readLedger } from '../support/ledger';
import { payInBrowser, Shop, type CreateAnswer, type CreateBody } from '../support/shop';
import { isAlive, startStack, type Stack } from '../support/stack';
import { until } from '../support/until';

jest.setTimeout(240_000);

const STUCK_MS = 6_000;

let dataDir: string;
let stack: Stack;

beforeAll(async () => {
  dataDir = makeDataDir();
  stack = await startStack(dataDir, { PAYMENT_WINDOW_SECONDS: '90' });
});

afterAll(async () => {
  await stack?.stop();
  removeDataDir(dataDir);
});

const fault = (rule: Record<string, unknown>) =>
  postJson(`${stack.file().stripe_simulator}/_simulator/faults`, { times: 1, ...rule });

async function addProduct(): Promise<string> {
  const { rows } = await stack.pool.query<{ id: string }>(
    `insert into drop_products (id, drop_id, name, unit_price_minor, total_inventory)
     select gen_random_uuid(), id, 'One of a kind', 2500, 1 from drops limit 1 returning id`,
  );
  return rows[0]?.id ?? '';
}

async function open(): Promise<CreateBody & { productId: string }> {
  const productId = await addProduct();
  return { ...(await stack.shop.open([{ drop_product_id: productId, quantity: 1 }])), productId };
}

const pay = async (checkout: CreateBody) => {
  const { stripe_simulator: stripe, publishable_key: key } = stack.file();
  expect((await payInBrowser(stripe, key, checkout)).body.status).toBe('succeeded');
};

const reach = (checkout: CreateBody, status: string) =>
  until(`checkout to be ${status}`, async () => (await stack.shop.read(checkout)).status === status, 90_000);

/** Repeats the same key as long as the answer says that this is right. */
function insist(productId: string, key: string): Promise<CreateAnswer> {
  return until(
    'an answer that is final',
    async () => {
      const answer = await stack.shop.create([{ drop_product_id: productId, quantity: 1 }], key);
      return answer.status !== 201 && answer.body.retry === 'same_key' ? null : answer;
    },
    90_000,
  );
}

/** A buyer whose create stands in the given step when the worker dies. */
async function beginStuck(spoil: (checkoutId: string, productId: string) => Promise<unknown>) {
  const key = Shop.key();
  const productId = await addProduct();
  await spoil(checkoutIdFromKey(key), productId);
  void stack.shop.create([{ drop_product_id: productId, quantity: 1 }], key).catch(() => undefined);
  return { key, productId };
}

async function lockProduct(productId: string): Promise<() => Promise<void>> {
  const client = await stack.pool.connect();
  await client.query('begin');
  await client.query('select 1 from drop_products where id = $1 for update', [productId]);
  return async () => {
    await client.query('rollback');
    client.release();
  };
}

async function lockReservation(checkout: CreateBody): Promise<() => Promise<void>> {
  const client = await stack.pool.connect();
  await client.query('begin');
  await client.query('select 1 from inventory_reservations where checkout_id = $1 for update', [
    checkout.checkout_id,
  ]);
  return async () => {
    await client.query('rollback');
    client.release();
  };
}

test('the worker dies with a checkout in every step, and every one ends right', async () => {
  const waiting = await open();
  const confirming = await open();
  const ending = await open();
  const ended = await open();
  const refunding = await open();

  await stack.pool.query(
    `update inventory_reservations set reclaim_after = clock_timestamp() - interval '1 second' where checkout_id = $1`,
    [refunding.checkout_id],
  );
  await stack.pool.query('select cleanup_expired_reservations()');
  const winner = await stack.shop.open([{ drop_product_id: refunding.productId, quantity: 1 }]);
  await pay(winner);
  await reach(winner, 'confirmed');

  const atCancel = { operation: 'payment_intents.cancel' };
  await fault({ ...atCancel, latency_ms: STUCK_MS, match: { id: ending.payment_intent_id } });
  await fault({ ...atCancel, latency_after_ms: STUCK_MS, match: { id: ended.payment_intent_id } });
  await fault({ operation: 'refunds.create', latency_after_ms: STUCK_MS });
  const unlockConfirm = await lockReservation(confirming);

  const atCreate = { operation: 'payment_intents.create' };
  const creating = await beginStuck((id) =>
    fault({ ...atCreate, latency_ms: STUCK_MS, match: { metadata: { checkout_id: id } } }),
  );
  const created = await beginStuck((id) =>
    fault({ ...atCreate, latency_after_ms: STUCK_MS, match: { metadata: { checkout_id: id } } }),
  );
  let unlockOpen: () => Promise<void> = () => Promise.resolve();
  const opening = await beginStuck(async (_id, productId) => {
    unlockOpen = await lockProduct(productId);
  });
  expect(await stack.shop.cancel(ending)).toBe(202);
  expect(await stack.shop.cancel(ended)).toBe(202);
  await pay(confirming);
  await pay(refunding);
  await until('the refund to be decided', async () => {
    const { status } = await stack.shop.read(refunding);
    return status === 'refund_pending';
  });
  await until('the PaymentIntent of the lost reply to exist', async () => {
    const { payment_intents: payments } = await readLedger(stack.file().stripe_simulator);
    return payments.some(({ metadata }) => metadata['checkout_id'] === checkoutIdFromKey(created.key));
  });

  const { worker } = stack.file().pids;
  process.kill(worker, 'SIGKILL');
  await until('the worker to be gone', () => Promise.resolve(!isAlive(worker)));
  await unlockConfirm();
  await unlockOpen();
  await pay(waiting);

  await reach(waiting, 'confirmed');
  await reach(confirming, 'confirmed');
  await reach(ending, 'canceled');
  await reach(ended, 'canceled');
  await reach(refunding, 'refunded');
  for (const { key, productId } of [creating, created, opening]) {
    const answer = await insist(productId, key);
    expect([answer.status, answer.body.status ?? answer.body.code]).toEqual([201, 'awaiting_payment']);
    await pay(answer.body);
    await reach(answer.body, 'confirmed');
  }

  const { rows } = await stack.pool.query<{ holdfast_env: string }>('select holdfast_env from installation');
  expect(
    await findBrokenInvariants({
      pool: stack.pool,
      simulatorUrl: stack.file().stripe_simulator,
      holdfastEnv: rows[0]?.holdfast_env ?? '',
    }),
  ).toEqual([]);
});
