// The end of a bound checkout: an order, or units back, or one refund; and never a second one of any.
import { randomUUID } from 'node:crypto';

import {
  closeUnboundCheckout,
  confirmCheckout,
  openCheckout,
  readCheckout,
  releaseCheckout,
} from '../../db/checkouts';
import { cleanupExpiredReservations } from '../../db/cleanup';
import { listPendingRefunds } from '../../db/refunds';
import { ageCheckout, createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import {
  available,
  createProduct,
  createProducts,
  expectNoDrift,
  line,
  openAndBind,
  openInput,
  required,
  reserve,
  stateOf,
  unitsByStatus,
} from './support';
import type { BoundCheckout } from './support';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterEach(() => expectNoDrift(db.pool));
afterAll(() => db.drop());

function pay(bound: BoundCheckout) {
  return confirmCheckout(db.pool, { ...bound, eventIds: [] });
}

function giveUp({ checkoutId }: BoundCheckout, status: 'expired' | 'canceled' | 'payment_failed') {
  return releaseCheckout(db.pool, { checkoutId, status, failureCode: null, eventIds: [] });
}

/** Lets the lease lapse and the database take the units back. */
async function loseUnits(bound: BoundCheckout): Promise<void> {
  await ageCheckout(db.pool, bound.checkoutId, 10_000);
  await cleanupExpiredReservations(db.pool);
}

describe('confirm', () => {
  test('sells the held units and writes the order with the frozen prices', async () => {
    const product = await createProduct(db.pool, { total: 5, unitPriceMinor: 1_200 });
    const bound = await openAndBind(db.pool, [line(product, 2)], { customerId: 'customer' });
    await db.pool.query('update drop_products set unit_price_minor = 9999 where id = $1', [product]);
    const ending = await pay(bound);
    expect(ending).toMatchObject({ status: 'confirmed', failureCode: null });
    const { rows } = await db.pool.query(
      `select o.id, o.amount_minor::integer, o.currency, o.status, o.customer_id, o.payment_intent_id,
         i.drop_product_id, i.quantity, i.unit_price_minor::integer
       from orders o join order_items i on i.order_id = o.id where o.checkout_id = $1`,
      [bound.checkoutId],
    );
    expect(rows).toEqual([
      {
        id: ending.orderId,
        amount_minor: 2_400,
        currency: 'usd',
        status: 'paid',
        customer_id: 'customer',
        payment_intent_id: bound.paymentIntentId,
        drop_product_id: product,
        quantity: 2,
        unit_price_minor: 1_200,
      },
    ]);
    expect(await unitsByStatus(db.pool, product)).toEqual({ confirmed: 2 });
    expect(await available(db.pool, product)).toBe(3);
  });

  test('twenty times at once makes one order and gives twenty equal answers', async () => {
    const product = await createProduct(db.pool, { total: 5 });
    const bound = await openAndBind(db.pool, [line(product)]);
    const endings = await Promise.all(Array.from({ length: 20 }, () => pay(bound)));
    expect(new Set(endings.map((ending) => ending.orderId)).size).toBe(1);
    const before = await stateOf(db.pool, bound.checkoutId);
    expect(await pay(bound)).toEqual(endings[0]);
    expect(await stateOf(db.pool, bound.checkoutId)).toEqual(before);
  });

  test('works on a hold whose deadline and lease have passed, as long as nobody took it', async () => {
    const product = await createProduct(db.pool, { total: 1 });
    const bound = await openAndBind(db.pool, [line(product)]);
    await ageCheckout(db.pool, bound.checkoutId, 10_000);
    expect(await pay(bound)).toMatchObject({ status: 'confirmed' });
    expect(await journalKinds(product)).toEqual({ total: 1, reserve: 1, confirm: 1 });
  });

  test('takes lost units again when they are free: same reservation rows, journal kind reclaim', async () => {
    const products = await createProducts(db.pool, 2, { total: 1 });
    const bound = await openAndBind(
      db.pool,
      products.map((product) => line(product)),
    );
    const before = (await readCheckout(db.pool, bound.checkoutId))?.reservationIds;
    await loseUnits(bound);
    expect(await pay(bound)).toMatchObject({ status: 'confirmed', failureCode: null });
    expect((await readCheckout(db.pool, bound.checkoutId))?.reservationIds).toEqual(before);
    expect(await journalKinds(required(products[0]))).toEqual({
      total: 1,
      reserve: 1,
      expire: 1,
      reclaim: 1,
    });
  });

  test('takes them also from a dead hold of somebody else, and from a drop that has closed', async () => {
    const product = await createProduct(db.pool, { total: 1 });
    const bound = await openAndBind(db.pool, [line(product)]);
    await loseUnits(bound);
    await reserve(db.pool, `pi_${randomUUID()}`, [line(product)], 0);
    await db.pool.query(
      `update drops set closes_at = clock_timestamp() where id = (select drop_id from drop_products where id = $1)`,
      [product],
    );
    expect(await pay(bound)).toMatchObject({ status: 'confirmed' });
  });

  test('with one line gone takes none: units still held go back, one refund is decided, once', async () => {
    const [gone, kept] = await createProducts(db.pool, 2, { total: 1, unitPriceMinor: 900 });
    const bound = await openAndBind(db.pool, [line(required(gone)), line(required(kept))]);
    await ageCheckout(db.pool, bound.checkoutId, 10_000);
    // Another buyer takes the dead units of one line only.
    await reserve(db.pool, `pi_${randomUUID()}`, [line(required(gone))]);
    const endings = await Promise.all(Array.from({ length: 10 }, () => pay(bound)));
    expect(new Set(endings.map((ending) => JSON.stringify(ending)))).toEqual(
      new Set([
        JSON.stringify({
          status: 'refund_pending',
          failureCode: 'sold_out_after_payment',
          orderId: null,
          unheardEventIds: [],
        }),
      ]),
    );
    expect(await available(db.pool, required(kept))).toBe(1);
    expect(await listPendingRefunds(db.pool, bound.checkoutId)).toEqual([
      {
        requestKey: `late:${bound.checkoutId}`,
        n: 0,
        amountMinor: 1_800,
        state: 'pending',
        stripeRefundId: null,
        paymentIntentId: bound.paymentIntentId,
      },
    ]);
    const { rows } = await db.pool.query('select 1 from refunds where checkout_id = $1', [bound.checkoutId]);
    expect(rows).toHaveLength(1);
  });

  test('refunds when the product was deleted meanwhile', async () => {
    const product = await createProduct(db.pool, { total: 1 });
    const bound = await openAndBind(db.pool, [line(product)]);
    await giveUp(bound, 'expired');
    await db.pool.query('delete from drop_products where id = $1', [product]);
    expect(await pay(bound)).toMatchObject({ status: 'refund_pending' });
  });

  test('sells even when the ended reservation was purged meanwhile', async () => {
    const product = await createProduct(db.pool, { total: 1 });
    const bound = await openAndBind(db.pool, [line(product)]);
    await giveUp(bound, 'expired');
    await db.pool.query('delete from inventory_reservations where checkout_id = $1', [bound.checkoutId]);
    expect(await pay(bound)).toMatchObject({ status: 'confirmed' });
    expect(await unitsByStatus(db.pool, product)).toEqual({ confirmed: 1 });
  });

  test.each(['expired', 'canceled', 'payment_failed'] as const)(
    'late money for a checkout that ended %s buys the units when they are free',
    async (status) => {
      const product = await createProduct(db.pool, { total: 1 });
      const bound = await openAndBind(db.pool, [line(product)]);
      await giveUp(bound, status);
      expect(await pay(bound)).toMatchObject({ status: 'confirmed', failureCode: null });
      expect(await available(db.pool, product)).toBe(0);
    },
  );

  test('late money is refunded when another buyer has the units', async () => {
    const product = await createProduct(db.pool, { total: 1 });
    const bound = await openAndBind(db.pool, [line(product)]);
    await giveUp(bound, 'expired');
    const other = await openAndBind(db.pool, [line(product)]);
    expect(await pay(bound)).toMatchObject({ status: 'refund_pending', orderId: null });
    expect(await pay(other)).toMatchObject({ status: 'confirmed' });
  });

  test('refuses another PaymentIntent, an unbound, a refused and an unknown checkout', async () => {
    const product = await createProduct(db.pool, { total: 5 });
    const bound = await openAndBind(db.pool, [line(product)]);
    const before = await stateOf(db.pool, bound.checkoutId);
    await expect(pay({ ...bound, paymentIntentId: 'pi_other' })).rejects.toMatchObject({
      reason: 'wrong_payment_intent',
    });
    expect(await stateOf(db.pool, bound.checkoutId)).toEqual(before);
    const unbound = openInput([line(product)]);
    await openCheckout(db.pool, unbound);
    const paid = { checkoutId: unbound.checkoutId, paymentIntentId: 'pi_x' };
    await expect(pay(paid)).rejects.toMatchObject({ reason: 'not_bound' });
    await closeUnboundCheckout(db.pool, { ...unbound, failureCode: 'checkout_not_opened' });
    await expect(pay(paid)).rejects.toMatchObject({ reason: 'not_bound' });
    await expect(pay({ ...paid, checkoutId: randomUUID() })).rejects.toMatchObject({ reason: 'not_found' });
  });
});

describe('release', () => {
  test.each([
    ['expired', 'expired'],
    ['canceled', 'released'],
    ['payment_failed', 'released'],
  ] as const)(
    'as %s ends the reservations as %s and gives stock back once',
    async (status, reservationStatus) => {
      const product = await createProduct(db.pool, { total: 3 });
      const bound = await openAndBind(db.pool, [line(product, 2)]);
      const first = await giveUp(bound, status);
      expect(first).toEqual({ status, failureCode: null, orderId: null, unheardEventIds: [] });
      expect(await unitsByStatus(db.pool, product)).toEqual({ [reservationStatus]: 2 });
      const before = await stateOf(db.pool, bound.checkoutId);
      expect(await giveUp(bound, 'canceled')).toEqual(first);
      expect(await stateOf(db.pool, bound.checkoutId)).toEqual(before);
      expect(await available(db.pool, product)).toBe(3);
    },
  );

  test('keeps the failure code', async () => {
    const product = await createProduct(db.pool, { total: 3 });
    const { checkoutId } = await openAndBind(db.pool, [line(product)]);
    const released = {
      checkoutId,
      status: 'payment_failed',
      failureCode: 'card_declined',
      eventIds: [],
    } as const;
    expect(await releaseCheckout(db.pool, released)).toMatchObject({ failureCode: 'card_declined' });
    expect(await readCheckout(db.pool, checkoutId)).toMatchObject({ failureCode: 'card_declined' });
  });

  test('of a confirmed checkout changes nothing and answers the order', async () => {
    const product = await createProduct(db.pool, { total: 3 });
    const bound = await openAndBind(db.pool, [line(product)]);
    const confirmed = await pay(bound);
    expect(await giveUp(bound, 'expired')).toEqual(confirmed);
    expect(await unitsByStatus(db.pool, product)).toEqual({ confirmed: 1 });
  });

  test('of an unbound checkout is refused: close_unbound_checkout is the way', async () => {
    const product = await createProduct(db.pool, { total: 3 });
    const input = openInput([line(product)]);
    await openCheckout(db.pool, input);
    await expect(
      giveUp({ checkoutId: input.checkoutId, paymentIntentId: '' }, 'expired'),
    ).rejects.toMatchObject({
      reason: 'not_bound',
    });
  });

  test('against confirm at the same moment: an order with units, in either order of arrival', async () => {
    const product = await createProduct(db.pool, { total: 100 });
    for (let round = 0; round < 30; round += 1) {
      const bound = await openAndBind(db.pool, [line(product)]);
      const [confirmed] = await Promise.all([pay(bound), giveUp(bound, 'expired')]);
      expect(confirmed.status).toBe('confirmed');
    }
    expect((await unitsByStatus(db.pool, product))['confirmed']).toBe(30);
  });
});

async function journalKinds(productId: string): Promise<Record<string, number>> {
  const { rows } = await db.pool.query<{ kind: string; units: number }>(
    'select kind, sum(units)::integer as units from inventory_journal where drop_product_id = $1 group by kind',
    [productId],
  );
  return Object.fromEntries(rows.map((row) => [row.kind, row.units]));
}
