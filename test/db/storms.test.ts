// Many at once: exact numbers, no deadlock, and an empty drift view whatever is mixed with whatever.
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';

import {
  bindPaymentIntent,
  closeUnboundCheckout,
  confirmCheckout,
  openCheckout,
  releaseCheckout,
  renewLease,
} from '../../db/checkouts';
import { cleanupExpiredReservations } from '../../db/cleanup';
import { createPool } from '../../db/pool';
import { ageCheckout, createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import {
  available,
  confirm,
  createProduct,
  createProducts,
  expectNoDrift,
  GRACE_SECONDS,
  HOLD_MAX_SECONDS,
  line,
  openAndBind,
  openInput,
  release,
  required,
  reserve,
  unitsByStatus,
} from './support';

let db: TestDatabase;
let crowd: Pool;
beforeAll(async () => {
  db = await createTestDatabase();
  // More connections than a process has: several workers at once. Long timeouts, so that waiting is not mistaken for failing.
  crowd = createPool({
    connectionString: db.url,
    applicationName: 'holdfast-crowd',
    max: 24,
    statementTimeoutMs: 20_000,
    lockTimeoutMs: 20_000,
    connectionTimeoutMs: 30_000,
  });
});
afterEach(async () => {
  await expectNoDrift(db.pool);
  await expectNoDeadlock();
});
afterAll(async () => {
  await crowd.end();
  await db.drop();
});

test('400 buyers for 100 units: exactly 100 open, 300 are refused, nothing is left over', async () => {
  const product = await createProduct(db.pool, { total: 100 });
  const answers = await Promise.all(
    Array.from({ length: 400 }, () => openCheckout(crowd, openInput([line(product)]))),
  );
  expect(answers.filter((answer) => answer.outcome === 'opened')).toHaveLength(100);
  expect(await available(db.pool, product)).toBe(0);
  expect(await unitsByStatus(db.pool, product)).toEqual({ held: 100 });
});

test('300 bare reserves for 100 units: exactly 100 are true', async () => {
  const product = await createProduct(db.pool, { total: 100 });
  const answers = await Promise.all(
    Array.from({ length: 300 }, () => reserve(crowd, `pi_${randomUUID()}`, [line(product)])),
  );
  expect(answers.filter(Boolean)).toHaveLength(100);
  expect(await available(db.pool, product)).toBe(0);
});

test('one PaymentIntent reserved twenty times at once is held once', async () => {
  const product = await createProduct(db.pool, { total: 100 });
  const id = `pi_${randomUUID()}`;
  const answers = await Promise.all(Array.from({ length: 20 }, () => reserve(crowd, id, [line(product, 2)])));
  expect(answers.every(Boolean)).toBe(true);
  expect(await available(db.pool, product)).toBe(98);
});

test('orders of the same products in opposite order do not deadlock', async () => {
  const [a, b] = await createProducts(db.pool, 2, { total: 1_000 });
  const there = [line(required(a)), line(required(b))];
  const back = [line(required(b)), line(required(a))];
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, n) => openCheckout(crowd, openInput(n % 2 === 0 ? there : back))),
  );
  expect(answers.every((answer) => answer.outcome === 'opened')).toBe(true);
  expect([await available(db.pool, required(a)), await available(db.pool, required(b))]).toEqual([800, 800]);
});

test('a dead hold taken up again in another order than its old products does not deadlock', async () => {
  const [a, b] = await createProducts(db.pool, 2, { total: 1_000 });
  const ids = Array.from({ length: 60 }, () => `pi_${randomUUID()}`);
  await Promise.all(ids.map((id, n) => reserve(crowd, id, [line(required(n % 2 === 0 ? a : b))], 0)));
  const answers = await Promise.all(
    ids.map((id, n) => reserve(crowd, id, [line(required(n % 2 === 0 ? b : a))])),
  );
  expect(answers.every(Boolean)).toBe(true);
});

test('confirm against cleanup at the edge: each hold ends one way, and every answer says which', async () => {
  const products = await createProducts(db.pool, 2, { total: 200 });
  const ids = Array.from({ length: 150 }, () => `pi_${randomUUID()}`);
  const lines = products.map((product) => line(product));
  await Promise.all(ids.map((id) => reserve(crowd, id, lines)));
  // Deadlines spread over the next 300 ms, while confirms and cleaners run.
  await db.pool.query(
    `update inventory_reservations r
     set expires_at = due.at, reclaim_after = due.at
     from (
       select id, clock_timestamp() + make_interval(secs => 0.002 * ordinal) as at
       from unnest($1::text[]) with ordinality as ids (id, ordinal)
     ) as due
     where r.payment_intent_id = due.id`,
    [ids],
  );
  const cleaners = Array.from({ length: 60 }, () => cleanupExpiredReservations(crowd));
  const answers = await Promise.all(ids.map((id) => confirm(crowd, id)));
  await Promise.all(cleaners);
  await cleanupExpiredReservations(crowd);
  for (const [index, id] of ids.entries()) {
    const { rows } = await db.pool.query<{ status: string }>(
      'select distinct status from inventory_reservations where payment_intent_id = $1',
      [id],
    );
    expect(rows).toEqual([{ status: answers[index] === true ? 'confirmed' : 'expired' }]);
    expect(await confirm(crowd, id)).toBe(answers[index]);
  }
});

test('a checkout confirmed while cleaners take its lapsed units is paid or refunded, never both, never neither', async () => {
  const product = await createProduct(db.pool, { total: 40 });
  const bound = await Promise.all(Array.from({ length: 40 }, () => openAndBind(crowd, [line(product)])));
  await Promise.all(bound.map(({ checkoutId }) => ageCheckout(crowd, checkoutId, 10_000)));
  const [endings] = await Promise.all([
    Promise.all(bound.map((one) => confirmCheckout(crowd, { ...one, eventIds: [] }))),
    Promise.all(Array.from({ length: 40 }, () => cleanupExpiredReservations(crowd))),
    // Others want the units that come free.
    Promise.all(Array.from({ length: 20 }, () => openCheckout(crowd, openInput([line(product)])))),
  ]);
  const confirmed = endings.filter((ending) => ending.status === 'confirmed');
  const refunded = endings.filter((ending) => ending.status === 'refund_pending');
  expect(confirmed.length + refunded.length).toBe(40);
  expect(confirmed.every((ending) => ending.orderId !== null)).toBe(true);
  expect((await unitsByStatus(db.pool, product))['confirmed']).toBe(confirmed.length);
  const { rows } = await db.pool.query<{ refunds: number }>(
    'select count(*)::integer as refunds from refunds',
  );
  expect(rows).toEqual([{ refunds: refunded.length }]);
});

test('cleaners at once expire every dead hold once', async () => {
  const product = await createProduct(db.pool, { total: 300 });
  await Promise.all(
    Array.from({ length: 300 }, () => reserve(crowd, `pi_${randomUUID()}`, [line(product)], 0)),
  );
  const expired = await Promise.all(Array.from({ length: 12 }, () => cleanupExpiredReservations(crowd)));
  expect(expired.reduce((sum, one) => sum + one, 0)).toBe(300);
  expect(await available(db.pool, product)).toBe(300);
});

test('everything at once on few products: no deadlock, no drift, and all stock back at the end', async () => {
  const products = await createProducts(db.pool, 4, { total: 30, maxPerCustomer: 8 });
  await Promise.all(Array.from({ length: 24 }, (_, n) => wander(products, n)));
  await db.pool.query(`update inventory_reservations set reclaim_after = created_at where status = 'held'`);
  await cleanupExpiredReservations(db.pool);
  for (const product of products) {
    const { held = 0, confirmed = 0 } = await unitsByStatus(db.pool, product);
    expect(held).toBe(0);
    expect(await available(db.pool, product)).toBe(30 - confirmed);
  }
});

/** One of many actors: 15 orders over random products, ended in a random way. Deterministic by `seed`. */
async function wander(products: readonly string[], seed: number): Promise<void> {
  const random = generator(seed);
  for (let round = 0; round < 15; round += 1) {
    const lines = products
      .filter(() => random() < 0.6)
      .map((product) => line(product, 1 + Math.floor(random() * 2)));
    if (lines.length === 0) continue;
    if (random() < 0.5) lines.reverse();
    if (random() < 0.3) await wanderBare(lines, random);
    else await wanderCheckout(lines, random);
    if (random() < 0.3) await cleanupExpiredReservations(crowd);
  }
}

async function wanderBare(lines: ReturnType<typeof line>[], random: () => number): Promise<void> {
  const id = `pi_${randomUUID()}`;
  if (!(await reserve(crowd, id, lines, random() < 0.3 ? 0 : 5))) return;
  if (random() < 0.3) await confirm(crowd, id);
  else await release(crowd, id);
}

async function wanderCheckout(lines: ReturnType<typeof line>[], random: () => number): Promise<void> {
  const input = openInput(lines, { customerId: `customer-${Math.floor(random() * 6)}` });
  const { checkoutId } = input;
  if ((await openCheckout(crowd, input)).outcome === 'closed') return;
  const paymentIntentId = `pi_${checkoutId}`;
  if (random() < 0.2) {
    await closeUnboundCheckout(crowd, {
      checkoutId,
      requestFingerprint: input.requestFingerprint,
      failureCode: 'checkout_not_opened',
    });
    return;
  }
  await bindPaymentIntent(crowd, { checkoutId, paymentIntentId });
  if (random() < 0.4) await ageCheckout(crowd, checkoutId, 10_000);
  if (random() < 0.4) {
    await renewLease(crowd, {
      checkoutId,
      reclaimGraceSeconds: GRACE_SECONDS,
      holdMaxSeconds: HOLD_MAX_SECONDS,
    });
  }
  const paid = { checkoutId, paymentIntentId, eventIds: [] };
  const unpaid = { checkoutId, status: 'expired' as const, failureCode: null, eventIds: [] };
  if (random() < 0.7) await releaseCheckout(crowd, unpaid);
  if (random() < 0.4) await confirmCheckout(crowd, paid);
  else await releaseCheckout(crowd, unpaid);
}

/** mulberry32: the same sequence for the same seed. */
function generator(seed: number): () => number {
  let state = seed + 1;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

async function expectNoDeadlock(): Promise<void> {
  await db.pool.query('select pg_stat_force_next_flush()');
  const { rows } = await db.pool.query<{ deadlocks: number }>(
    'select deadlocks::integer from pg_stat_database where datname = current_database()',
  );
  expect(required(rows[0]).deadlocks).toBe(0);
}
