// The life cycles as triggers: every move is tried, and the database's table is the one of contracts/statuses.ts.
import { randomUUID } from 'node:crypto';

import {
  CHECKOUT_STATUSES,
  CHECKOUT_TRANSITIONS,
  isOpenCheckoutStatus,
  RESERVATION_STATUSES,
} from '../../contracts/statuses';
import type { CheckoutStatus, ReservationStatus } from '../../contracts/statuses';
import { createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import { createProduct, line, openAndBind, release, reserve, untilWaiting } from './support';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());

const MOVES = CHECKOUT_STATUSES.flatMap((from) => CHECKOUT_STATUSES.map((to) => [from, to] as const));

test.each(MOVES)('checkout %s -> %s is allowed exactly as the contract says', async (from, to) => {
  const checkoutId = await checkoutIn(from);
  const isAllowed = from === to || CHECKOUT_TRANSITIONS[from].includes(to);
  const move = moveTo(checkoutId, to);
  expect(await codeOf(move)).toBe(isAllowed ? 'moved' : 'HF005');
});

test.each(CHECKOUT_STATUSES)('%s is open in SQL as it is in the contract', async (status) => {
  const { rows } = await db.pool.query<{ is_open: boolean }>('select checkout_is_open($1) as is_open', [
    status,
  ]);
  expect(rows[0]?.is_open).toBe(isOpenCheckoutStatus(status));
});

test.each(CHECKOUT_STATUSES.filter((status) => status !== 'opening' && status !== 'refused'))(
  'a checkout cannot begin as %s',
  async (status) => {
    await expect(
      db.pool.query(
        `insert into checkouts (id, request_fingerprint, status, amount_minor, currency, expires_at, payment_intent_id)
         values ($1, 'f', $2, 100, 'usd', clock_timestamp(), $3)`,
        [randomUUID(), status, `pi_${randomUUID()}`],
      ),
    ).rejects.toMatchObject({ code: 'HF005' });
  },
);

test.each([
  ['amount_minor', '1'],
  ['currency', "'eur'"],
  ['customer_id', "'other'"],
  ['request_fingerprint', "'other'"],
])('what a checkout was opened with is frozen: %s', async (column, value) => {
  const checkoutId = await checkoutIn('awaiting_payment');
  await expect(
    db.pool.query(`update checkouts set ${column} = ${value} where id = $1`, [checkoutId]),
  ).rejects.toMatchObject({ code: 'HF005' });
});

test('a bound PaymentIntent is never replaced or removed', async () => {
  const checkoutId = await checkoutIn('awaiting_payment');
  for (const value of ["'pi_other'", 'null']) {
    await expect(
      db.pool.query(`update checkouts set payment_intent_id = ${value} where id = $1`, [checkoutId]),
    ).rejects.toMatchObject({ code: 'HF004' });
  }
});

/**
 * Held ends one way. A checkout's units come back into an order, or, while it is open, into its hold (before a capture);
 * a bare hold may begin again.
 */
const RESERVATION_MOVES: Record<'checkout' | 'bare', Record<ReservationStatus, ReservationStatus[]>> = {
  checkout: {
    held: ['confirmed', 'released', 'expired'],
    confirmed: [],
    released: ['confirmed', 'held'],
    expired: ['confirmed', 'held'],
  },
  bare: {
    held: ['confirmed', 'released', 'expired'],
    confirmed: [],
    released: ['held'],
    expired: ['held'],
  },
};

describe.each(['checkout', 'bare'] as const)('reservation of a %s', (owner) => {
  const moves = RESERVATION_STATUSES.flatMap((from) => RESERVATION_STATUSES.map((to) => [from, to] as const));
  test.each(moves)('%s -> %s', async (from, to) => {
    const id = await reservationIn(owner, from);
    const isAllowed = from === to || RESERVATION_MOVES[owner][from].includes(to);
    const move = db.pool.query('update inventory_reservations set status = $2 where id = $1', [id, to]);
    expect(await codeOf(move)).toBe(isAllowed ? 'moved' : 'HF005');
  });
});

test('a reservation claims the same units of the same product for ever', async () => {
  const id = await reservationIn('checkout', 'held');
  const other = await createProduct(db.pool, { total: 1 });
  for (const [column, value] of [
    ['quantity', 2],
    ['drop_product_id', other],
    ['checkout_id', null],
  ]) {
    await expect(
      db.pool.query(`update inventory_reservations set ${column} = $2 where id = $1`, [id, value]),
    ).rejects.toMatchObject({ code: 'HF005' });
  }
});

describe('deleting', () => {
  test.each(['held', 'confirmed'] as const)('a product with %s units is refused', async (status) => {
    const id = await reservationIn('bare', status);
    await expect(
      db.pool.query(
        'delete from drop_products where id = (select drop_product_id from inventory_reservations where id = $1)',
        [id],
      ),
    ).rejects.toMatchObject({ code: 'HF010', message: expect.stringContaining('a product with') });
    await expect(
      db.pool.query('delete from inventory_reservations where id = $1', [id]),
    ).rejects.toMatchObject({ code: 'HF010' });
  });

  test('a product whose reservations have all ended takes them along', async () => {
    const product = await createProduct(db.pool, { total: 1 });
    await reserve(db.pool, 'pi_ended', [line(product)]);
    await release(db.pool, 'pi_ended');
    await db.pool.query('delete from drop_products where id = $1', [product]);
    const { rows } = await db.pool.query('select 1 from inventory_reservations where drop_product_id = $1', [
      product,
    ]);
    expect(rows).toEqual([]);
  });

  test('a product is refused also when the hold commits while the delete waits', async () => {
    const product = await createProduct(db.pool, { total: 1 });
    const buyer = await db.pool.connect();
    try {
      await buyer.query('begin');
      await buyer.query('select reserve_inventory_for_payment($1, $2)', [
        'pi_in_time',
        JSON.stringify([{ drop_product_id: product, quantity: 1 }]),
      ]);
      const deleting = codeOf(db.pool.query('delete from drop_products where id = $1', [product]));
      await untilWaiting(db.pool, 1);
      await buyer.query('commit');
      expect(await deleting).toBe('HF010');
    } finally {
      buyer.release();
    }
  });
});

describe('stock', () => {
  test('follows the total, and cannot go below what is held or sold', async () => {
    const product = await createProduct(db.pool, { total: 5 });
    await reserve(db.pool, 'pi_three', [line(product, 3)]);
    const setTotal = (total: number) =>
      db.pool.query<{ available_inventory: number }>(
        'update drop_products set total_inventory = $2 where id = $1 returning available_inventory',
        [product, total],
      );
    expect((await setTotal(8)).rows).toEqual([{ available_inventory: 5 }]);
    expect((await setTotal(3)).rows).toEqual([{ available_inventory: 0 }]);
    await expect(setTotal(2)).rejects.toMatchObject({ code: '23514' });
  });

  test('drift shows a counter that somebody changed by hand, and a journal that misses something', async () => {
    const product = await createProduct(db.pool, { total: 5 });
    await db.pool.query('update drop_products set available_inventory = 4 where id = $1', [product]);
    const { rows } = await db.pool.query('select kind from inventory_drift where drop_product_id = $1', [
      product,
    ]);
    expect(rows).toEqual([{ kind: 'units_do_not_add_up' }, { kind: 'journal_does_not_explain' }]);
  });
});

/** `moved`, or the SQLSTATE it was refused with. */
async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'moved',
    (err: unknown) => (err instanceof Error && 'code' in err ? err.code : err),
  );
}

/** A checkout brought to `status` along allowed moves only. */
async function checkoutIn(status: CheckoutStatus): Promise<string> {
  const checkoutId = randomUUID();
  await db.pool.query(
    `insert into checkouts (id, request_fingerprint, status, amount_minor, currency, expires_at)
     values ($1, 'f', 'opening', 100, 'usd', clock_timestamp())`,
    [checkoutId],
  );
  for (const step of pathTo(status)) await moveTo(checkoutId, step);
  return checkoutId;
}

function pathTo(goal: CheckoutStatus): CheckoutStatus[] {
  const paths: CheckoutStatus[][] = [[]];
  for (const path of paths) {
    const last = path.at(-1) ?? 'opening';
    if (last === goal) return path;
    if (path.length > CHECKOUT_STATUSES.length) break;
    for (const next of CHECKOUT_TRANSITIONS[last]) paths.push([...path, next]);
  }
  throw new Error(`no way from opening to ${goal}`);
}

function moveTo(checkoutId: string, status: CheckoutStatus) {
  return db.pool.query(
    `update checkouts
     set status = $2,
       failure_code = case when $2 = 'refused' then 'checkout_not_opened' else failure_code end,
       payment_intent_id = case when $2 in ('opening', 'refused') then payment_intent_id
         else coalesce(payment_intent_id, 'pi_' || id) end
     where id = $1`,
    [checkoutId, status],
  );
}

async function reservationIn(owner: 'checkout' | 'bare', status: ReservationStatus): Promise<string> {
  const product = await createProduct(db.pool, { total: 5 });
  const paymentIntentId = `pi_${randomUUID()}`;
  if (owner === 'bare') await reserve(db.pool, paymentIntentId, [line(product)]);
  else await openAndBind(db.pool, [line(product)]);
  const { rows } = await db.pool.query<{ id: string }>(
    'update inventory_reservations set status = $2 where drop_product_id = $1 returning id',
    [product, status],
  );
  return rows[0]?.id ?? '';
}
