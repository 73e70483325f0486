// Between open and payment: a PaymentIntent is bound once, and a checkout without one is closed with its units.
import { randomUUID } from 'node:crypto';

import { bindPaymentIntent, closeUnboundCheckout, openCheckout, readCheckout } from '../../db/checkouts';
import { createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import {
  available,
  createProduct,
  expectNoDrift,
  line,
  openAndBind,
  openInput,
  release,
  reserve,
  stateOf,
} from './support';

let db: TestDatabase;
let product: string;
beforeAll(async () => {
  db = await createTestDatabase();
  product = await createProduct(db.pool, { total: 1_000 });
});
afterEach(() => expectNoDrift(db.pool));
afterAll(() => db.drop());

function closing(checkoutId: string) {
  return { checkoutId, requestFingerprint: 'fingerprint', failureCode: 'checkout_not_opened' as const };
}

describe('bind', () => {
  test('moves opening to awaiting_payment and names the reservations after the PaymentIntent', async () => {
    const { checkoutId, paymentIntentId } = await openAndBind(db.pool, [line(product)]);
    expect(await readCheckout(db.pool, checkoutId)).toMatchObject({
      status: 'awaiting_payment',
      paymentIntentId,
      isPayable: true,
    });
    const { rows } = await db.pool.query(
      'select payment_intent_id from inventory_reservations where checkout_id = $1',
      [checkoutId],
    );
    expect(rows).toEqual([{ payment_intent_id: paymentIntentId }]);
  });

  test('is write-once: the same id again is bound, another is told the first and changes nothing', async () => {
    const { checkoutId, paymentIntentId } = await openAndBind(db.pool, [line(product)]);
    const before = await stateOf(db.pool, checkoutId);
    expect(await bindPaymentIntent(db.pool, { checkoutId, paymentIntentId })).toEqual({ outcome: 'bound' });
    expect(await bindPaymentIntent(db.pool, { checkoutId, paymentIntentId: 'pi_other' })).toEqual({
      outcome: 'bound_to_other',
      paymentIntentId,
    });
    expect(await stateOf(db.pool, checkoutId)).toEqual(before);
  });

  test('ten different ids at once: one is bound, nine are told it', async () => {
    const input = openInput([line(product)]);
    await openCheckout(db.pool, input);
    const { checkoutId } = input;
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        bindPaymentIntent(db.pool, { checkoutId, paymentIntentId: `pi_${checkoutId}_${n}` }),
      ),
    );
    expect(answers.filter((answer) => answer.outcome === 'bound')).toHaveLength(1);
    const told = answers.flatMap((answer) =>
      answer.outcome === 'bound_to_other' ? [answer.paymentIntentId] : [],
    );
    const view = await readCheckout(db.pool, checkoutId);
    expect(told).toEqual(Array(9).fill(view?.paymentIntentId));
  });

  test('of a checkout closed unbound is closed; of an unknown one it is refused', async () => {
    const input = openInput([line(product)]);
    await openCheckout(db.pool, input);
    await closeUnboundCheckout(db.pool, closing(input.checkoutId));
    expect(
      await bindPaymentIntent(db.pool, { checkoutId: input.checkoutId, paymentIntentId: 'pi_late' }),
    ).toEqual({ outcome: 'closed' });
    await expect(
      bindPaymentIntent(db.pool, { checkoutId: randomUUID(), paymentIntentId: 'pi_nobody' }),
    ).rejects.toMatchObject({ reason: 'not_found' });
  });

  test('refuses a PaymentIntent that has bare reservations', async () => {
    const id = `pi_${randomUUID()}`;
    await reserve(db.pool, id, [line(product)]);
    const input = openInput([line(product)]);
    await openCheckout(db.pool, input);
    await expect(
      bindPaymentIntent(db.pool, { checkoutId: input.checkoutId, paymentIntentId: id }),
    ).rejects.toMatchObject({ reason: 'belongs_to_checkout' });
    await release(db.pool, id);
  });
});

describe('close unbound', () => {
  test('refuses the checkout and gives its units back, once', async () => {
    const before = await available(db.pool, product);
    const input = openInput([line(product, 5)]);
    await openCheckout(db.pool, input);
    const closed = { outcome: 'closed', status: 'refused', failureCode: 'checkout_not_opened' };
    expect(await closeUnboundCheckout(db.pool, closing(input.checkoutId))).toEqual(closed);
    expect(
      await closeUnboundCheckout(db.pool, {
        ...closing(input.checkoutId),
        failureCode: 'payment_provider_unavailable',
      }),
    ).toEqual(closed);
    expect(await available(db.pool, product)).toBe(before);
  });

  test('without a row leaves a tombstone that a late open respects', async () => {
    const before = await available(db.pool, product);
    const input = openInput([line(product)]);
    await closeUnboundCheckout(db.pool, closing(input.checkoutId));
    expect(await openCheckout(db.pool, input)).toEqual({
      outcome: 'closed',
      status: 'refused',
      failureCode: 'checkout_not_opened',
      orderId: null,
    });
    expect(await available(db.pool, product)).toBe(before);
  });

  test('leaves a bound checkout alone and returns its PaymentIntent', async () => {
    const { checkoutId, paymentIntentId } = await openAndBind(db.pool, [line(product)]);
    const before = await stateOf(db.pool, checkoutId);
    expect(await closeUnboundCheckout(db.pool, closing(checkoutId))).toEqual({
      outcome: 'bound',
      paymentIntentId,
    });
    expect(await stateOf(db.pool, checkoutId)).toEqual(before);
  });

  test('against open at the same moment: closed either way, nothing held', async () => {
    const before = await available(db.pool, product);
    for (let round = 0; round < 30; round += 1) {
      const input = openInput([line(product)]);
      await Promise.all([
        openCheckout(db.pool, input),
        closeUnboundCheckout(db.pool, closing(input.checkoutId)),
      ]);
      expect((await readCheckout(db.pool, input.checkoutId))?.status).toBe('refused');
    }
    expect(await available(db.pool, product)).toBe(before);
  });

  test('against bind at the same moment: one of the two, and the units follow it', async () => {
    for (let round = 0; round < 30; round += 1) {
      const input = openInput([line(product)]);
      const { checkoutId } = input;
      await openCheckout(db.pool, input);
      const [bound, closed] = await Promise.all([
        bindPaymentIntent(db.pool, { checkoutId, paymentIntentId: `pi_${checkoutId}` }),
        closeUnboundCheckout(db.pool, closing(checkoutId)),
      ]);
      expect([bound.outcome, closed.outcome]).toEqual(
        bound.outcome === 'bound' ? ['bound', 'bound'] : ['closed', 'closed'],
      );
    }
  });
});
