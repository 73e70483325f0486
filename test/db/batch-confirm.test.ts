// Confirm in batches: the same rows and answers as one by one; whatever needs a decision is left for the single function.
import { randomUUID } from 'node:crypto';

import { confirmCheckouts } from '../../db/checkout-batches';
import { confirmCheckout, openCheckout, recordProcessing, releaseCheckout } from '../../db/checkouts';
import { storeEvent } from '../../db/inbox';
import { ageCheckout, createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import { cleanupExpiredReservations } from '../../db/cleanup';
import {
  available,
  createProduct,
  createProducts,
  expectNoDrift,
  line,
  openAndBind,
  openInput,
  required,
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

async function paidEvent({ checkoutId, paymentIntentId }: BoundCheckout): Promise<string> {
  const eventId = `evt_${randomUUID()}`;
  await storeEvent(db.pool, {
    eventId,
    type: 'payment_intent.succeeded',
    livemode: false,
    createdUnixSeconds: 1_700_000_000,
    paymentIntentId,
    checkoutId,
    payload: {},
    outcome: null,
    reason: null,
    signal: null,
  });
  return eventId;
}

async function outcomesOf(eventIds: string[]): Promise<(string | null)[]> {
  const { rows } = await db.pool.query<{ outcome: string | null }>(
    `select e.outcome from unnest($1::text[]) with ordinality as asked (id, n)
     join webhook_events e on e.event_id = asked.id order by n`,
    [eventIds],
  );
  return rows.map((row) => row.outcome);
}

/** Everything written at the end of a checkout, without what differs between any two. */
async function endOf(checkoutId: string): Promise<unknown> {
  const { rows } = await db.pool.query<{ ending: object }>(
    `select jsonb_build_object(
       'checkout', (select to_jsonb(c) - '{id,payment_intent_id,opened_at,expires_at,updated_at,closed_at}'::text[] from checkouts c where id = $1),
       'order', (select to_jsonb(o) - '{id,checkout_id,payment_intent_id,created_at}'::text[] from orders o where checkout_id = $1),
       'same_payment', (select o.payment_intent_id = c.payment_intent_id from orders o join checkouts c on c.id = o.checkout_id where c.id = $1),
       'items', (select jsonb_agg(to_jsonb(i) - 'order_id' order by drop_product_id) from order_items i join orders o on o.id = i.order_id where checkout_id = $1),
       'reservations', (select jsonb_agg(jsonb_build_array(drop_product_id, quantity, status) order by drop_product_id) from inventory_reservations where checkout_id = $1)) as ending`,
    [checkoutId],
  );
  return required(rows[0]).ending;
}

test('rows, events and answers are those of the single function', async () => {
  const products = await createProducts(db.pool, 3, { total: 50 });
  const lines = products.map((id, n) => line(id, n + 1));
  const bound = [];
  for (let n = 0; n < 3; n += 1)
    bound.push(await openAndBind(db.pool, lines, { customerId: 'one of three' }));
  const [alone, ...together] = bound as [BoundCheckout, ...BoundCheckout[]];
  await recordProcessing(db.pool, { checkoutId: required(together[1]).checkoutId, eventId: 'evt_0' });
  const single = await confirmCheckout(db.pool, { ...alone, eventIds: [await paidEvent(alone)] });
  const events = [await paidEvent(required(together[0])), await paidEvent(required(together[0]))];
  const foreign = await paidEvent(alone);
  const answers = await confirmCheckouts(db.pool, [
    { ...required(together[0]), eventIds: [...events, foreign] },
    { ...required(together[1]), eventIds: [] },
  ]);
  for (const [index, one] of together.entries()) {
    expect(await endOf(one.checkoutId)).toEqual(await endOf(alone.checkoutId));
    expect(answers[index]).toEqual({ ...single, orderId: expect.any(String) });
    expect(await confirmCheckout(db.pool, { ...one, eventIds: [] })).toEqual(answers[index]);
  }
  expect(await outcomesOf([...events, foreign])).toEqual(['confirmed', 'confirmed', null]);
  expect(await available(db.pool, required(products[2]))).toBe(50 - 9);
});

test('a lapsed lease does not matter while the units are held', async () => {
  const product = await createProduct(db.pool, { total: 2 });
  const both = [await openAndBind(db.pool, [line(product)]), await openAndBind(db.pool, [line(product)])];
  for (const { checkoutId } of both) await ageCheckout(db.pool, checkoutId, 10_000);
  const answers = await confirmCheckouts(
    db.pool,
    both.map((one) => ({ ...one, eventIds: [] })),
  );
  expect(answers.map((answer) => answer?.status)).toEqual(['confirmed', 'confirmed']);
});

test('lost units, repeats, wrong payments and unknown checkouts are left alone, and their neighbours confirmed', async () => {
  const product = await createProduct(db.pool, { total: 50 });
  const other = await createProduct(db.pool, { total: 50 });
  const open = (...ids: string[]) =>
    openAndBind(
      db.pool,
      ids.map((id) => line(id)),
    );
  const lost = await open(product, other);
  await db.pool.query(
    `update inventory_reservations set reclaim_after = created_at where checkout_id = $1 and drop_product_id = $2`,
    [lost.checkoutId, other],
  );
  await cleanupExpiredReservations(db.pool);
  const released = await open(product);
  await releaseCheckout(db.pool, {
    checkoutId: released.checkoutId,
    status: 'expired',
    failureCode: null,
    eventIds: [],
  });
  const done = await open(product);
  await confirmCheckout(db.pool, { ...done, eventIds: [] });
  const wrong = { ...(await open(product)), paymentIntentId: 'pi_of_another' };
  const unbound = openInput([line(product)]);
  await openCheckout(db.pool, unbound);
  const twice = await open(product);
  const odd = [
    lost, released, done, wrong, twice, twice,
    { checkoutId: unbound.checkoutId, paymentIntentId: 'pi_none' },
    { checkoutId: randomUUID(), paymentIntentId: 'pi_none' },
    { checkoutId: 'no uuid', paymentIntentId: 'pi_none' },
  ]; // prettier-ignore
  const known = [lost, released, done, wrong, twice, unbound];
  const before = await Promise.all(known.map(({ checkoutId }) => stateWithoutProducts(checkoutId)));
  const good = await open(product);
  const answers = await confirmCheckouts(
    db.pool,
    [...odd, good].map((one) => ({ ...one, eventIds: [] })),
  );
  expect(answers.slice(0, -1)).toEqual(odd.map(() => null));
  expect(answers.at(-1)).toMatchObject({ status: 'confirmed' });
  expect(await Promise.all(known.map(({ checkoutId }) => stateWithoutProducts(checkoutId)))).toEqual(before);
});

async function stateWithoutProducts(checkoutId: string): Promise<unknown> {
  const state = (await stateOf(db.pool, checkoutId)) as Record<string, unknown>;
  return { ...state, products: null, journal: null };
}

test('two batches with the same members in opposite order neither deadlock nor sell twice', async () => {
  const product = await createProduct(db.pool, { total: 100 });
  const bound: (BoundCheckout & { eventIds: string[] })[] = [];
  for (let n = 0; n < 40; n += 1)
    bound.push({ ...(await openAndBind(db.pool, [line(product)])), eventIds: [] });
  const rounds = await Promise.all(
    Array.from({ length: 6 }, (_, n) => confirmCheckouts(db.pool, n % 2 === 0 ? bound : bound.toReversed())),
  );
  expect(rounds.flat().filter((answer) => answer !== null)).toHaveLength(40);
  expect(await unitsByStatus(db.pool, product)).toEqual({ confirmed: 40 });
});
