// Refunds of sold orders: what is decided, what is refused, what follows from what Stripe says, and which units come back.
import { randomUUID } from 'node:crypto';

import type { RefundRequest } from '../../contracts/refunds';
import { confirmCheckout, openCheckout, readCheckout } from '../../db/checkouts';
import { listOpenIncidents } from '../../db/incidents';
import { storeEvent } from '../../db/inbox';
import { listPendingRefunds, recordMoney, recordRefund, requestRefund } from '../../db/refunds';
import { createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import { available, createProducts, expectNoDrift, line, openAndBind, openInput, stateOf } from './support';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterEach(() => expectNoDrift(db.pool));
afterAll(() => db.drop());

/** Two products, two units of each sold, at 10.00: an order of 40.00. */
async function sold(maxPerCustomer: number | null = null, customerId: string | null = null) {
  const products = await createProducts(db.pool, 2, { total: 5, maxPerCustomer });
  const lines = products.map((id) => line(id, 2));
  const bound = await openAndBind(db.pool, lines, { customerId });
  await confirmCheckout(db.pool, { ...bound, eventIds: [] });
  return { ...bound, products };
}

const ask = (checkoutId: string, rest: Partial<RefundRequest> = {}, key = `operation:${randomUUID()}`) =>
  requestRefund(db.pool, key, {
    checkoutId,
    amountMinor: null,
    returnedLines: [],
    requestedBy: 'operator-7',
    reason: 'damaged on arrival',
    ...rest,
  });

/** What settlement does once Stripe has answered. */
async function answer(checkoutId: string, state: 'pending' | 'succeeded' | 'failed') {
  for (const { requestKey } of await listPendingRefunds(db.pool, checkoutId)) {
    const failureReason = state === 'failed' ? 'expired_or_canceled_card' : null;
    await recordRefund(db.pool, { requestKey, stripeRefundId: `re_${requestKey}`, state, failureReason });
  }
}

async function orderOf(checkoutId: string): Promise<{ status: string; disputed: boolean }> {
  const { rows } = await db.pool.query<{ status: string; disputed: boolean }>(
    'select status, disputed_at is not null as disputed from orders where checkout_id = $1',
    [checkoutId],
  );
  return rows[0] ?? { status: 'none', disputed: false };
}

const incidentsOf = async (checkoutId: string) =>
  (await listOpenIncidents(db.pool)).filter((one) => one.checkoutId === checkoutId).map((one) => one.kind);

test('parts, then the rest: the order says so only when the money is back', async () => {
  const { checkoutId } = await sold();
  expect(await ask(checkoutId, { amountMinor: 1_500 })).toEqual({ outcome: 'decided', amountMinor: 1_500 });
  expect((await orderOf(checkoutId)).status).toBe('paid');
  await answer(checkoutId, 'pending');
  expect((await orderOf(checkoutId)).status).toBe('paid');
  await answer(checkoutId, 'succeeded');
  expect((await orderOf(checkoutId)).status).toBe('partially_refunded');
  expect(await ask(checkoutId)).toEqual({ outcome: 'decided', amountMinor: 2_500 });
  await answer(checkoutId, 'succeeded');
  expect((await orderOf(checkoutId)).status).toBe('refunded');
  expect(await ask(checkoutId)).toEqual({ outcome: 'nothing_left' });
});

test('the decision keeps who and why', async () => {
  const { checkoutId } = await sold();
  await ask(checkoutId);
  const { rows } = await db.pool.query(
    'select origin, requested_by, reason from refunds where checkout_id = $1',
    [checkoutId],
  );
  expect(rows).toEqual([{ origin: 'operator', requested_by: 'operator-7', reason: 'damaged on arrival' }]);
});

test('one key is one decision, however often and at once it comes', async () => {
  const { checkoutId } = await sold();
  const answers = await Promise.all(
    Array.from({ length: 5 }, () => ask(checkoutId, { amountMinor: 900 }, 'operation:same')),
  );
  expect(answers).toEqual(Array(5).fill({ outcome: 'decided', amountMinor: 900 }));
  expect(await listPendingRefunds(db.pool, checkoutId)).toHaveLength(1);
  expect(await ask(checkoutId, { amountMinor: 901 }, 'operation:same')).toEqual({ outcome: 'key_reused' });
});

test('many at once never give back more than was paid', async () => {
  const { checkoutId } = await sold();
  const answers = await Promise.all(Array.from({ length: 6 }, () => ask(checkoutId, { amountMinor: 1_500 })));
  expect(answers.filter(({ outcome }) => outcome === 'decided')).toHaveLength(2);
});

test('units come back only when named, only once, and only with the money', async () => {
  const { checkoutId, products } = await sold();
  const [first = '', second = ''] = products;
  await ask(checkoutId, { amountMinor: 1_000, returnedLines: [line(first, 1)] });
  expect(await available(db.pool, first)).toBe(3);
  await answer(checkoutId, 'succeeded');
  await answer(checkoutId, 'succeeded');
  expect([await available(db.pool, first), await available(db.pool, second)]).toEqual([4, 3]);
  await ask(checkoutId, { amountMinor: 500 });
  await answer(checkoutId, 'succeeded');
  expect([await available(db.pool, first), await available(db.pool, second)]).toEqual([4, 3]);
});

test('a whole order can be taken back: all its money, all its units', async () => {
  const { checkoutId, products } = await sold();
  await ask(checkoutId, { returnedLines: 'all' });
  await answer(checkoutId, 'succeeded');
  expect((await orderOf(checkoutId)).status).toBe('refunded');
  for (const id of products) expect(await available(db.pool, id)).toBe(5);
  expect((await readCheckout(db.pool, checkoutId))?.status).toBe('confirmed');
});

test('a unit cannot come back twice', async () => {
  const { checkoutId, products } = await sold();
  const returnedLines = [line(products[0] ?? '', 2)];
  expect(await ask(checkoutId, { amountMinor: 100, returnedLines })).toMatchObject({ outcome: 'decided' });
  expect(await ask(checkoutId, { amountMinor: 100, returnedLines })).toEqual({ outcome: 'units_not_sold' });
  await answer(checkoutId, 'succeeded');
  expect(await ask(checkoutId, { amountMinor: 100, returnedLines })).toEqual({ outcome: 'units_not_sold' });
});

test('units that came back do not count against the limit of their buyer', async () => {
  const { checkoutId, products } = await sold(2, 'customer-1');
  const again = () =>
    openCheckout(db.pool, openInput([line(products[0] ?? '', 2)], { customerId: 'customer-1' }));
  expect(await again()).toMatchObject({ outcome: 'closed', failureCode: 'purchase_limit_reached' });
  await ask(checkoutId, { returnedLines: 'all' });
  await answer(checkoutId, 'succeeded');
  expect(await again()).toMatchObject({ outcome: 'opened' });
});

const REFUSED: [string, Partial<RefundRequest>, string][] = [
  ['more than was paid', { amountMinor: 4_001 }, 'amount_too_large'],
  ['nothing', { amountMinor: 0 }, 'amount_too_large'],
  ['units of another product', { returnedLines: [line(randomUUID(), 1)] }, 'units_not_sold'],
];

test.each(REFUSED)('%s is refused, and nothing is written', async (_what, rest, outcome) => {
  const { checkoutId } = await sold();
  const before = await stateOf(db.pool, checkoutId);
  expect(await ask(checkoutId, rest)).toEqual({ outcome });
  expect(await stateOf(db.pool, checkoutId)).toEqual(before);
});

test('a checkout that was not paid has nothing to give back', async () => {
  const [product = ''] = await createProducts(db.pool, 1, { total: 1 });
  const { checkoutId } = await openAndBind(db.pool, [line(product)]);
  expect(await ask(checkoutId)).toEqual({ outcome: 'not_paid' });
  await expect(ask(randomUUID())).rejects.toMatchObject({ reason: 'not_found' });
});

test('failed is an incident, and its money can be asked for again; a late failure takes the order back', async () => {
  const { checkoutId } = await sold();
  await ask(checkoutId);
  await answer(checkoutId, 'succeeded');
  expect((await orderOf(checkoutId)).status).toBe('refunded');
  const { rows } = await db.pool.query<{ request_key: string }>(
    'select request_key from refunds where checkout_id = $1',
    [checkoutId],
  );
  const requestKey = rows[0]?.request_key ?? '';
  await recordRefund(db.pool, {
    requestKey,
    stripeRefundId: `re_${requestKey}`,
    state: 'failed',
    failureReason: 'lost_or_stolen_card',
  });
  expect((await orderOf(checkoutId)).status).toBe('paid');
  expect(await incidentsOf(checkoutId)).toEqual(['refund_failed']);
  expect(await ask(checkoutId)).toEqual({ outcome: 'decided', amountMinor: 4_000 });
});

describe('what Stripe knows', () => {
  const refund = (id: string, amountMinor: number, rest = {}) => ({
    id,
    requestKey: null,
    amountMinor,
    state: 'succeeded' as const,
    failureReason: null,
    ...rest,
  });

  test('a refund of the dashboard is recorded once, with its event', async () => {
    const { checkoutId, paymentIntentId } = await sold();
    const eventId = `evt_${checkoutId}`;
    await storeEvent(db.pool, {
      eventId,
      type: 'refund.created',
      livemode: false,
      createdUnixSeconds: 1,
      paymentIntentId,
      checkoutId,
      payload: {},
      signal: null,
      outcome: null,
      reason: null,
    });
    const money = { checkoutId, refunds: [refund(`re_${checkoutId}`, 700)], disputedAtUnixSeconds: null };
    for (let n = 0; n < 2; n += 1) await recordMoney(db.pool, { ...money, eventIds: [eventId] });
    expect((await orderOf(checkoutId)).status).toBe('partially_refunded');
    const { rows } = await db.pool.query(
      'select origin, amount_minor::int as amount, state from refunds where checkout_id = $1',
      [checkoutId],
    );
    expect(rows).toEqual([{ origin: 'dashboard', amount: 700, state: 'succeeded' }]);
    const events = await db.pool.query('select outcome from webhook_events where event_id = $1', [eventId]);
    expect(events.rows).toEqual([{ outcome: 'recorded' }]);
    expect(await ask(checkoutId)).toEqual({ outcome: 'decided', amountMinor: 3_300 });
  });

  test('one of ours is known by its key, whoever hears of it first', async () => {
    const { checkoutId } = await sold();
    await ask(checkoutId, { amountMinor: 700 }, `operation:${checkoutId}`);
    const refunds = [refund(`re_${checkoutId}`, 700, { requestKey: `operation:${checkoutId}` })];
    await recordMoney(db.pool, { checkoutId, refunds, disputedAtUnixSeconds: null, eventIds: [] });
    expect(await listPendingRefunds(db.pool, checkoutId)).toEqual([]);
    const { rows } = await db.pool.query('select origin from refunds where checkout_id = $1', [checkoutId]);
    expect(rows).toEqual([{ origin: 'operator' }]);
  });

  test('a disputed payment is never refunded: not asked for, and not sent when it was asked for before', async () => {
    const { checkoutId } = await sold();
    await ask(checkoutId, { amountMinor: 700 });
    for (let n = 0; n < 2; n += 1) {
      await recordMoney(db.pool, {
        checkoutId,
        refunds: [],
        disputedAtUnixSeconds: 1_800_000_000,
        eventIds: [],
      });
    }
    expect(await orderOf(checkoutId)).toEqual({ status: 'paid', disputed: true });
    expect(await listPendingRefunds(db.pool, checkoutId)).toEqual([]);
    expect(await ask(checkoutId)).toEqual({ outcome: 'disputed' });
    expect((await incidentsOf(checkoutId)).toSorted()).toEqual(['payment_disputed', 'refund_failed']);
  });
});
