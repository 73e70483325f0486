// The four required functions, called as another stack calls them.
import { randomUUID } from 'node:crypto';

import { cleanupExpiredReservations } from '../../db/cleanup';
import { createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import {
  available,
  confirm,
  createProduct,
  createProducts,
  expectNoDrift,
  line,
  openAndBind,
  release,
  required,
  reserve,
  unitsByStatus,
} from './support';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterEach(() => expectNoDrift(db.pool));
afterAll(() => db.drop());

function paymentIntent(): string {
  return `pi_${randomUUID()}`;
}

describe('reserve', () => {
  test('takes every line or none', async () => {
    const [plenty, scarce] = [
      await createProduct(db.pool, { total: 10 }),
      await createProduct(db.pool, { total: 1 }),
    ];
    expect(await reserve(db.pool, paymentIntent(), [line(plenty, 2), line(scarce, 2)])).toBe(false);
    expect([await available(db.pool, plenty), await available(db.pool, scarce)]).toEqual([10, 1]);
    expect(await reserve(db.pool, paymentIntent(), [line(plenty, 2), line(scarce, 1)])).toBe(true);
    expect([await available(db.pool, plenty), await available(db.pool, scarce)]).toEqual([8, 0]);
  });

  test('counts two lines of one product together', async () => {
    const product = await createProduct(db.pool, { total: 3 });
    expect(await reserve(db.pool, paymentIntent(), [line(product, 2), line(product, 2)])).toBe(false);
    expect(await reserve(db.pool, paymentIntent(), [line(product, 1), line(product, 2)])).toBe(true);
    expect(await available(db.pool, product)).toBe(0);
  });

  test('accepts the items as a JSON string that holds the array, and as named arguments', async () => {
    const product = await createProduct(db.pool, { total: 1 });
    const { rows } = await db.pool.query<{ answer: boolean }>(
      `select reserve_inventory_for_payment(
         p_order_items => to_jsonb($1::text), p_payment_intent_id => $2) as answer`,
      [JSON.stringify([{ drop_product_id: product, quantity: 1 }]), paymentIntent()],
    );
    expect(required(rows[0]).answer).toBe(true);
  });

  test('repeated with the same items it answers true, takes nothing and keeps the deadline', async () => {
    const product = await createProduct(db.pool, { total: 5 });
    const id = paymentIntent();
    await reserve(db.pool, id, [line(product, 2)]);
    const before = await reservationsOf(id);
    expect(await reserve(db.pool, id, [line(product, 1), line(product, 1)], 60)).toBe(true);
    expect(await reservationsOf(id)).toEqual(before);
    expect(await available(db.pool, product)).toBe(3);
  });

  test('refuses other items for a PaymentIntent that holds some', async () => {
    const [a, b] = [await createProduct(db.pool, { total: 5 }), await createProduct(db.pool, { total: 5 })];
    const id = paymentIntent();
    await reserve(db.pool, id, [line(a, 2)]);
    await expect(reserve(db.pool, id, [line(a, 3)])).rejects.toMatchObject({ code: 'HF003' });
    await expect(reserve(db.pool, id, [line(a, 2), line(b)])).rejects.toMatchObject({ code: 'HF003' });
    expect(await available(db.pool, a)).toBe(3);
  });

  test('starts anew after release, and after its own hold died', async () => {
    const [a, b] = [await createProduct(db.pool, { total: 5 }), await createProduct(db.pool, { total: 5 })];
    const id = paymentIntent();
    await reserve(db.pool, id, [line(a, 2)]);
    await release(db.pool, id);
    expect(await reserve(db.pool, id, [line(a, 3), line(b, 1)], 0)).toBe(true);
    expect(await reserve(db.pool, id, [line(b, 4)])).toBe(true);
    expect([await available(db.pool, a), await available(db.pool, b)]).toEqual([5, 1]);
    expect(await unitsByStatus(db.pool, b)).toEqual({ held: 4 });
  });

  test('takes units of dead holds without waiting for cleanup', async () => {
    const product = await createProduct(db.pool, { total: 2 });
    await reserve(db.pool, paymentIntent(), [line(product, 2)], 0);
    expect(await available(db.pool, product)).toBe(0);
    expect(await reserve(db.pool, paymentIntent(), [line(product, 1)])).toBe(true);
    expect(await unitsByStatus(db.pool, product)).toEqual({ expired: 2, held: 1 });
  });

  test('an unknown product is false', async () => {
    expect(await reserve(db.pool, paymentIntent(), [line(randomUUID())])).toBe(false);
  });

  test.each([
    ['no array', '{}'],
    ['null', 'null'],
    ['an empty array', '[]'],
    ['a string without JSON', '"abc"'],
    ['a line that is no object', '[1]'],
    ['no quantity', `[{"drop_product_id":"${randomUUID()}"}]`],
    ['quantity 0', `[{"drop_product_id":"${randomUUID()}","quantity":0}]`],
    ['quantity -1', `[{"drop_product_id":"${randomUUID()}","quantity":-1}]`],
    ['quantity 1.5', `[{"drop_product_id":"${randomUUID()}","quantity":1.5}]`],
    ['quantity 1e9', `[{"drop_product_id":"${randomUUID()}","quantity":1e9}]`],
    ['quantity as text', `[{"drop_product_id":"${randomUUID()}","quantity":"1"}]`],
    ['an id that is no UUID', '[{"drop_product_id":"x","quantity":1}]'],
    ['201 lines', JSON.stringify(Array(201).fill({ drop_product_id: randomUUID(), quantity: 1 }))],
  ])('%s is refused as a bad parameter', async (_name, items) => {
    await expect(
      db.pool.query('select reserve_inventory_for_payment($1, $2)', [paymentIntent(), items]),
    ).rejects.toMatchObject({ code: '22023' });
  });
});

describe('confirm', () => {
  test('confirms a living hold, and again without effect', async () => {
    const product = await createProduct(db.pool, { total: 2 });
    const id = paymentIntent();
    await reserve(db.pool, id, [line(product)]);
    expect([await confirm(db.pool, id), await confirm(db.pool, id)]).toEqual([true, true]);
    expect(await unitsByStatus(db.pool, product)).toEqual({ confirmed: 1 });
    expect(await available(db.pool, product)).toBe(1);
  });

  test('of a dead hold is false and gives the units back', async () => {
    const products = await createProducts(db.pool, 2, { total: 1 });
    const id = paymentIntent();
    await reserve(
      db.pool,
      id,
      products.map((product) => line(product)),
      0,
    );
    expect(await confirm(db.pool, id)).toBe(false);
    for (const product of products) expect(await available(db.pool, product)).toBe(1);
  });

  test('of nothing, or of a released hold, is false', async () => {
    const product = await createProduct(db.pool, { total: 1 });
    const id = paymentIntent();
    expect(await confirm(db.pool, id)).toBe(false);
    await reserve(db.pool, id, [line(product)]);
    await release(db.pool, id);
    expect(await confirm(db.pool, id)).toBe(false);
  });
});

describe('release', () => {
  test('gives stock back once, however often it is called', async () => {
    const product = await createProduct(db.pool, { total: 3 });
    const id = paymentIntent();
    await reserve(db.pool, id, [line(product, 2)]);
    expect([await release(db.pool, id), await release(db.pool, id)]).toEqual([true, true]);
    expect(await available(db.pool, product)).toBe(3);
  });

  test('of nothing, or of sold units, is false and changes nothing', async () => {
    const product = await createProduct(db.pool, { total: 3 });
    const id = paymentIntent();
    expect(await release(db.pool, id)).toBe(false);
    await reserve(db.pool, id, [line(product)]);
    await confirm(db.pool, id);
    expect(await release(db.pool, id)).toBe(false);
    expect(await available(db.pool, product)).toBe(2);
  });
});

test('cleanup expires at most 5,000 dead holds a call, and none that live', async () => {
  const product = await createProduct(db.pool, { total: 6_000 });
  await db.pool.query(
    `insert into inventory_reservations (drop_product_id, quantity, payment_intent_id, expires_at)
     select $1, 1, 'bulk_' || n, clock_timestamp() + case when n <= 5200 then interval '-1 s' else interval '1 h' end
     from generate_series(1, 5300) n`,
    [product],
  );
  await db.pool.query(
    'update drop_products set available_inventory = available_inventory - 5300 where id = $1',
    [product],
  );
  expect(await cleanupExpiredReservations(db.pool)).toBe(5_000);
  expect(await cleanupExpiredReservations(db.pool)).toBe(200);
  expect(await cleanupExpiredReservations(db.pool)).toBe(0);
  expect(await available(db.pool, product)).toBe(5_900);
});

test('none of the three touches what belongs to a checkout', async () => {
  const product = await createProduct(db.pool, { total: 3 });
  const { checkoutId, paymentIntentId } = await openAndBind(db.pool, [line(product)]);
  for (const id of [paymentIntentId, `checkout:${checkoutId}`, `checkout:${randomUUID()}`]) {
    await expect(reserve(db.pool, id, [line(product)])).rejects.toMatchObject({ code: 'HF002' });
    await expect(confirm(db.pool, id)).rejects.toMatchObject({ code: 'HF002' });
    await expect(release(db.pool, id)).rejects.toMatchObject({ code: 'HF002' });
  }
  expect(await unitsByStatus(db.pool, product)).toEqual({ held: 1 });
});

async function reservationsOf(paymentIntentId: string): Promise<unknown[]> {
  const { rows } = await db.pool.query<Record<string, unknown>>(
    'select * from inventory_reservations where payment_intent_id = $1',
    [paymentIntentId],
  );
  return rows;
}
