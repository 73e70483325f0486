// Lock order and clocks, one interleaving at a time: a bystander holds a lock, the call under test waits, the bystander goes on.
import { randomUUID } from 'node:crypto';
import type { PoolClient } from 'pg';

import { confirmCheckout, openCheckout, releaseCheckout } from '../../db/checkouts';
import { ageCheckout, createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import {
  confirm,
  createProduct,
  createProducts,
  expectNoDrift,
  failureOf,
  line,
  openAndBind,
  openInput,
  required,
  reserve,
  unitsByStatus,
  untilWaiting,
} from './support';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterEach(() => expectNoDrift(db.pool));
afterAll(() => db.drop());

/** Runs `act` inside a transaction of its own and commits it. */
async function asBystander(act: (client: PoolClient) => Promise<void>): Promise<void> {
  const client = await db.pool.connect();
  try {
    await client.query('begin');
    await act(client);
    await client.query('commit');
  } finally {
    client.release();
  }
}

function lockProduct(client: PoolClient, productId: string | undefined) {
  return client.query('select 1 from drop_products where id = $1 for no key update', [required(productId)]);
}

test('of two checkouts of one customer the second counts what the first took, while both wait', async () => {
  const product = await createProduct(db.pool, { total: 10, maxPerCustomer: 1 });
  const opening: ReturnType<typeof openCheckout>[] = [];
  await asBystander(async (client) => {
    await lockProduct(client, product);
    for (let n = 0; n < 2; n += 1) {
      opening.push(openCheckout(db.pool, openInput([line(product)], { customerId: 'twice' })));
    }
    await untilWaiting(db.pool, 2);
  });
  const failures = (await Promise.all(opening)).map(failureOf);
  expect(failures.filter((failure) => failure === null)).toHaveLength(1);
  expect(failures).toContain('purchase_limit_reached');
});

test('confirm decides by the row as it is once locked, not as it was when it asked', async () => {
  const product = await createProduct(db.pool, { total: 1 });
  const id = `pi_${randomUUID()}`;
  await reserve(db.pool, id, [line(product)]);
  let confirming: Promise<boolean> | undefined;
  await asBystander(async (client) => {
    await client.query(
      `update inventory_reservations set reclaim_after = clock_timestamp() - interval '1 s' where payment_intent_id = $1`,
      [id],
    );
    confirming = confirm(db.pool, id);
    await untilWaiting(db.pool, 1);
  });
  expect(await confirming).toBe(false);
  expect(await unitsByStatus(db.pool, product)).toEqual({ expired: 1 });
});

test('confirm reads its clock after the lock: a hold that dies while it waits is too late', async () => {
  const product = await createProduct(db.pool, { total: 1 });
  const id = `pi_${randomUUID()}`;
  await reserve(db.pool, id, [line(product)]);
  await db.pool.query(
    `update inventory_reservations set reclaim_after = clock_timestamp() + interval '0.3 s' where payment_intent_id = $1`,
    [id],
  );
  let confirming: Promise<boolean> | undefined;
  await asBystander(async (client) => {
    await client.query('select 1 from inventory_reservations where payment_intent_id = $1 for update', [id]);
    confirming = confirm(db.pool, id);
    await untilWaiting(db.pool, 1);
    await untilDead(client, id);
  });
  expect(await confirming).toBe(false);
});

test('a customer’s dead hold of a later product is not given back before the earlier product is locked', async () => {
  const [a, b] = await createProducts(db.pool, 2, { total: 5, maxPerCustomer: 2 });
  const customer = { customerId: 'order of locks' };
  const dead = await openAndBind(db.pool, [line(required(b))], customer);
  await ageCheckout(db.pool, dead.checkoutId, 10_000);
  let opening: ReturnType<typeof openCheckout> | undefined;
  await asBystander(async (client) => {
    await lockProduct(client, a);
    opening = openCheckout(db.pool, openInput([line(required(a)), line(required(b))], customer));
    await untilWaiting(db.pool, 1);
    await lockProduct(client, b);
  });
  expect(await opening).toMatchObject({ outcome: 'opened' });
});

test('a re-claim that fails gives back an earlier product only with that product locked first', async () => {
  const [a, b, c] = await createProducts(db.pool, 3, { total: 1 });
  const bound = await openAndBind(db.pool, [line(required(a)), line(required(b)), line(required(c))]);
  await ageCheckout(db.pool, bound.checkoutId, 10_000);
  // Others take the dead units of b and c; b comes back, so that confirm finds b free, c gone and a still held.
  const other = await openAndBind(db.pool, [line(required(b))]);
  await openAndBind(db.pool, [line(required(c))]);
  await releaseCheckout(db.pool, {
    checkoutId: other.checkoutId,
    status: 'canceled',
    failureCode: null,
    eventIds: [],
  });
  let confirming: ReturnType<typeof confirmCheckout> | undefined;
  await asBystander(async (client) => {
    await lockProduct(client, a);
    confirming = confirmCheckout(db.pool, { ...bound, eventIds: [] });
    await untilWaiting(db.pool, 1);
    await lockProduct(client, b);
  });
  expect(await confirming).toMatchObject({ status: 'refund_pending' });
});

/** Polls until the hold's lease has passed by the database's clock. */
async function untilDead(client: PoolClient, paymentIntentId: string): Promise<void> {
  const deadline = Date.now() + 5_000;
  for (;;) {
    const { rows } = await client.query<{ is_dead: boolean }>(
      'select reclaim_after < clock_timestamp() as is_dead from inventory_reservations where payment_intent_id = $1',
      [paymentIntentId],
    );
    if (required(rows[0]).is_dead) return;
    if (Date.now() > deadline) throw new Error('the hold did not die');
  }
}
