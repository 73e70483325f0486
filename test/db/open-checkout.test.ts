// Step 1: frozen lines and prices, every line or none, and a refusal that is remembered.
import { randomUUID } from 'node:crypto';

import { closeUnboundCheckout, openCheckout, readCheckout } from '../../db/checkouts';
import { createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import {
  available,
  createDrop,
  createProduct,
  createProducts,
  expectNoDrift,
  failureOf,
  line,
  openAndBind,
  openInput,
  required,
  reserve,
  stateOf,
  unitsByStatus,
  untilWaiting,
  WINDOW_SECONDS,
} from './support';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterEach(() => expectNoDrift(db.pool));
afterAll(() => db.drop());

test('opening writes checkout, lines and held reservations, with the deadline counted from after the locks', async () => {
  const [a, b] = await createProducts(db.pool, 2, { total: 5, unitPriceMinor: 700 });
  const input = openInput([line(required(b), 2), line(required(a), 1), line(required(b), 1)]);
  const opened = await openCheckout(db.pool, input);
  const view = required((await readCheckout(db.pool, input.checkoutId)) ?? undefined);
  expect(opened).toEqual({
    outcome: 'opened',
    amountMinor: 2_800,
    currency: 'usd',
    reservationIds: view.reservationIds,
    openedAtUnixSeconds: Math.floor(view.openedAt.getTime() / 1000),
    paymentIntentId: null,
  });
  expect(view).toMatchObject({
    status: 'opening',
    isPayable: false,
    attempts: 0,
    orderId: null,
    refund: null,
  });
  expect(view.lines.map((one) => [one.dropProductId, one.quantity, one.unitPriceMinor])).toEqual([
    [a, 1, 700],
    [b, 3, 700],
  ]);
  expect(view.reservationIds).toHaveLength(2);
  expect(required(view.expiresAt ?? undefined).getTime() - view.openedAt.getTime()).toBe(
    WINDOW_SECONDS * 1000,
  );
  expect(view.secondsLeft).toBeGreaterThan(WINDOW_SECONDS - 5);
  expect([await available(db.pool, required(a)), await available(db.pool, required(b))]).toEqual([4, 2]);
});

test('a buyer who waited for a lock still gets the whole window', async () => {
  const product = await createProduct(db.pool, { total: 5 });
  const input = openInput([line(product)]);
  const blocker = await db.pool.connect();
  try {
    await blocker.query('begin');
    await blocker.query('select 1 from drop_products where id = $1 for update', [product]);
    const opening = openCheckout(db.pool, input);
    await untilWaiting(db.pool, 1);
    const unlockedAt = required(
      (await blocker.query<{ at: Date }>('select clock_timestamp() as at')).rows[0],
    ).at;
    await blocker.query('commit');
    await opening;
    const view = required((await readCheckout(db.pool, input.checkoutId)) ?? undefined);
    const windowEnd = unlockedAt.getTime() + WINDOW_SECONDS * 1000;
    expect(required(view.expiresAt ?? undefined).getTime()).toBeGreaterThanOrEqual(windowEnd);
  } finally {
    blocker.release();
  }
});

test('the lease outlives the deadline by the grace', async () => {
  const product = await createProduct(db.pool, { total: 5 });
  const { checkoutId } = await openAndBind(db.pool, [line(product)], { reclaimGraceSeconds: 480 });
  const { rows } = await db.pool.query(
    `select extract(epoch from reclaim_after - expires_at)::integer as grace
     from inventory_reservations where checkout_id = $1`,
    [checkoutId],
  );
  expect(rows).toEqual([{ grace: 480 }]);
});

test('the same id again answers from the row and takes nothing, whatever the lines', async () => {
  const product = await createProduct(db.pool, { total: 5 });
  const input = openInput([line(product)]);
  const first = await openCheckout(db.pool, input);
  const before = await stateOf(db.pool, input.checkoutId);
  expect(await openCheckout(db.pool, { ...input, lines: [line(product, 4)] })).toEqual(first);
  expect(await stateOf(db.pool, input.checkoutId)).toEqual(before);
});

test('the same id with another fingerprint is refused and changes nothing', async () => {
  const product = await createProduct(db.pool, { total: 5 });
  const input = openInput([line(product)]);
  await openCheckout(db.pool, input);
  const before = await stateOf(db.pool, input.checkoutId);
  const other = { ...input, requestFingerprint: 'other' };
  await expect(openCheckout(db.pool, other)).rejects.toMatchObject({ reason: 'other_request' });
  await expect(
    closeUnboundCheckout(db.pool, { ...other, failureCode: 'checkout_not_opened' }),
  ).rejects.toMatchObject({ reason: 'other_request' });
  expect(await stateOf(db.pool, input.checkoutId)).toEqual(before);
});

test('one key sent twenty times at once holds its units once', async () => {
  const product = await createProduct(db.pool, { total: 50 });
  const input = openInput([line(product, 2)]);
  const answers = await Promise.all(Array.from({ length: 20 }, () => openCheckout(db.pool, input)));
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  expect(await available(db.pool, product)).toBe(48);
});

test('a refusal is a row: the same answer again, also after stock came back', async () => {
  const product = await createProduct(db.pool, { total: 2 });
  const input = openInput([line(product, 3)]);
  expect(await openCheckout(db.pool, input)).toEqual({
    outcome: 'closed',
    status: 'refused',
    failureCode: 'insufficient_inventory',
    orderId: null,
  });
  await db.pool.query('update drop_products set total_inventory = 10 where id = $1', [product]);
  expect(failureOf(await openCheckout(db.pool, input))).toBe('insufficient_inventory');
  expect(await readCheckout(db.pool, input.checkoutId)).toMatchObject({
    status: 'refused',
    amountMinor: null,
    secondsLeft: 0,
    failureDetail: { drop_product_id: product, product_name: 'Test product', requested: 3, available: 2 },
  });
});

test('one short line leaves the others alone', async () => {
  const [a, b, c] = await createProducts(db.pool, 3, { total: 2 });
  const input = openInput([line(required(a)), line(required(b), 3), line(required(c))]);
  expect(failureOf(await openCheckout(db.pool, input))).toBe('insufficient_inventory');
  for (const product of [a, b, c]) expect(await available(db.pool, required(product))).toBe(2);
});

describe('refuses', () => {
  test('an unknown product, by id', async () => {
    const known = await createProduct(db.pool, { total: 2 });
    const unknown = randomUUID();
    const input = openInput([line(known), line(unknown)]);
    expect(failureOf(await openCheckout(db.pool, input))).toBe('unknown_product');
    expect(await detailOf(input.checkoutId)).toEqual({ drop_product_id: unknown });
  });

  test('lines of two currencies', async () => {
    const euros = await createProduct(db.pool, {
      total: 2,
      dropId: await createDrop(db.pool, { currency: 'eur' }),
    });
    const dollars = await createProduct(db.pool, { total: 2 });
    const input = openInput([line(euros), line(dollars)]);
    expect(failureOf(await openCheckout(db.pool, input))).toBe('mixed_currency');
    expect(await detailOf(input.checkoutId)).toEqual({ currencies: ['eur', 'usd'] });
  });

  test.each([
    ['before it opens', { opensIn: '1 hour' }],
    ['after it closed', { opensIn: '-2 hours', closesIn: '-1 second' }],
  ])('a drop %s, by the database clock', async (_name, times) => {
    const product = await createProduct(db.pool, { total: 2, dropId: await createDrop(db.pool, times) });
    const input = openInput([line(product)]);
    expect(failureOf(await openCheckout(db.pool, input))).toBe('drop_not_open');
    expect(await detailOf(input.checkoutId)).toMatchObject({ drop_product_id: product });
    expect(await available(db.pool, product)).toBe(2);
  });

  test('a drop that closed while the buyer waited for a lock', async () => {
    const dropId = await createDrop(db.pool);
    const product = await createProduct(db.pool, { total: 2, dropId });
    const blocker = await db.pool.connect();
    try {
      await blocker.query('begin');
      await blocker.query('select 1 from drop_products where id = $1 for update', [product]);
      const opening = openCheckout(db.pool, openInput([line(product)]));
      await untilWaiting(db.pool, 1);
      await blocker.query('update drops set closes_at = clock_timestamp() where id = $1', [dropId]);
      await blocker.query('commit');
      expect(failureOf(await opening)).toBe('drop_not_open');
      expect(await available(db.pool, product)).toBe(2);
    } finally {
      blocker.release();
    }
  });

  test.each([
    ['amount_too_small', 'usd', 49],
    ['amount_too_small', 'huf', 17_499],
    ['amount_too_large', 'usd', 99_999_999],
  ])('%s in %s', async (failureCode, currency, unitPriceMinor) => {
    const product = await createProduct(db.pool, {
      total: 5,
      unitPriceMinor,
      dropId: await createDrop(db.pool, { currency }),
    });
    const quantity = failureCode === 'amount_too_large' ? 2 : 1;
    expect(failureOf(await openCheckout(db.pool, openInput([line(product, quantity)])))).toBe(failureCode);
    expect(await available(db.pool, product)).toBe(5);
  });

  test('a drop in a currency without known limits, already when it is created', async () => {
    await expect(createDrop(db.pool, { currency: 'xyz' })).rejects.toMatchObject({ code: 'HF012' });
  });
});

test('the price is the one under the lock: a change that commits meanwhile is charged and recorded alike', async () => {
  const product = await createProduct(db.pool, { total: 2, unitPriceMinor: 1_000 });
  const input = openInput([line(product)]);
  const blocker = await db.pool.connect();
  try {
    await blocker.query('begin');
    await blocker.query('update drop_products set unit_price_minor = 2000 where id = $1', [product]);
    const opening = openCheckout(db.pool, input);
    await untilWaiting(db.pool, 1);
    await blocker.query('commit');
    expect(await opening).toMatchObject({ outcome: 'opened', amountMinor: 2_000 });
    const view = required((await readCheckout(db.pool, input.checkoutId)) ?? undefined);
    expect(view.lines[0]?.unitPriceMinor).toBe(2_000);
  } finally {
    blocker.release();
  }
});

test('twenty buyers of one unit whose hold is dead: one gets it', async () => {
  const product = await createProduct(db.pool, { total: 1 });
  await reserve(db.pool, 'pi_dead_hold', [line(product)], 0);
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => openCheckout(db.pool, openInput([line(product)]))),
  );
  expect(answers.filter((answer) => answer.outcome === 'opened')).toHaveLength(1);
  expect(await unitsByStatus(db.pool, product)).toEqual({ held: 1, expired: 1 });
});

test('two buyers of two dead holds both get one, also at the same moment', async () => {
  for (let round = 0; round < 20; round += 1) {
    const product = await createProduct(db.pool, { total: 2 });
    await reserve(db.pool, `pi_dead_${round}_a`, [line(product)], 0);
    await reserve(db.pool, `pi_dead_${round}_b`, [line(product)], 0);
    const answers = await Promise.all([1, 2].map(() => openCheckout(db.pool, openInput([line(product)]))));
    expect(answers.map((answer) => answer.outcome)).toEqual(['opened', 'opened']);
  }
});

async function detailOf(checkoutId: string): Promise<unknown> {
  return (await readCheckout(db.pool, checkoutId))?.failureDetail;
}
