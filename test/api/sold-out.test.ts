// The answer to a crowd that comes too late: without Temporal, binding nothing, and never to somebody who holds the unit.
import { randomUUID } from 'node:crypto';

import { checkoutIdFromKey, requestFingerprint } from '../../contracts/fingerprint';
import { bindPaymentIntent, openCheckout, releaseCheckout } from '../../db/checkouts';
import { DEMO_PRODUCTS } from '../../db/seed';
import { adjustTotalInventory } from '../../db/stock';
import { ageCheckout } from '../support/database';
import { until } from '../support/until';
import { BareApi } from './bare-api';
import type { Answer } from './bare-api';

const LINES = [{ dropProductId: DEMO_PRODUCTS.print.id, quantity: 1 }];
const SOLD_OUT = {
  status: 409,
  body: {
    code: 'insufficient_inventory',
    drop_product_id: DEMO_PRODUCTS.print.id,
    product_name: 'Signed print',
    requested: 1,
    available: 0,
  },
};
/** Temporal is out of reach here: what this answers is a start that was tried. */
const STARTED = { status: 503 };

let api: BareApi;
beforeEach(async () => {
  api = await BareApi.open();
});
afterEach(() => api.close());

function create(key: string, productId: string = DEMO_PRODUCTS.print.id): Promise<Answer> {
  return api.send('/api/payment/create-intent', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify({ items: [{ drop_product_id: productId, quantity: 1 }] }),
  });
}

const newKey = () => `test-${randomUUID()}`;

/** Somebody else holds the only print, or the buyer of `key` does. */
async function holdPrint(key = newKey()): Promise<string> {
  const checkoutId = checkoutIdFromKey(key);
  const opened = await openCheckout(api.database.pool, {
    checkoutId,
    requestFingerprint: requestFingerprint(LINES, null),
    customerId: null,
    lines: LINES,
    windowSeconds: 300,
    reclaimGraceSeconds: 600,
    paymentAttemptsMax: 3,
  });
  expect(opened.outcome).toBe('opened');
  return checkoutId;
}

/** Asks until it is no longer "sold out". Not the answer counts (Temporal being away takes its time) but when it was asked for. */
async function startedWithinASecond(key: string): Promise<void> {
  const startedAt = Date.now();
  const askedAt = await until('the start to be tried', async () => {
    const at = Date.now();
    return (await create(key)).status === STARTED.status ? at : null;
  });
  expect(askedAt - startedAt).toBeLessThan(1_000);
}

test('sold out is said without Temporal, and the key is free: once units come back the same key begins', async () => {
  const holder = await holdPrint();
  const key = newKey();
  expect(await create(key)).toMatchObject(SOLD_OUT);
  const { rows } = await api.database.pool.query('select 1 from checkouts where id = $1', [
    checkoutIdFromKey(key),
  ]);
  expect(rows).toEqual([]);
  const { pool } = api.database;
  await bindPaymentIntent(pool, { checkoutId: holder, paymentIntentId: 'pi_1' });
  await releaseCheckout(pool, { checkoutId: holder, status: 'canceled', failureCode: null, eventIds: [] });
  await startedWithinASecond(key);
});

test('a restock is seen within a second', async () => {
  await holdPrint();
  const key = newKey();
  expect(await create(key)).toMatchObject(SOLD_OUT);
  await adjustTotalInventory(api.database.pool, {
    requestKey: 'restock',
    dropProductId: DEMO_PRODUCTS.print.id,
    units: 1,
    who: 'test',
    why: 'one more was found',
  });
  await startedWithinASecond(key);
});

test('who holds the last unit is answered by the row, never that it is sold out', async () => {
  const key = newKey();
  expect(await create(key)).toMatchObject(STARTED);
  await bindPaymentIntent(api.database.pool, {
    checkoutId: await holdPrint(key),
    paymentIntentId: 'pi_last',
  });
  expect(await create(newKey())).toMatchObject({ status: expect.any(Number) });
  expect(await create(key)).toMatchObject({ status: 201, body: { payment_intent_id: 'pi_last' } });
});

test('sold out by dead holds only is not sold out', async () => {
  await ageCheckout(api.database.pool, await holdPrint(), 10_000);
  expect(await create(newKey())).toMatchObject(STARTED);
});

test('other products, unknown ones, and a drop that is not open are not answered from here', async () => {
  await holdPrint();
  expect(await create(newKey(), DEMO_PRODUCTS.poster.id)).toMatchObject(STARTED);
  expect(await create(newKey(), randomUUID())).toMatchObject(STARTED);
  await api.database.pool.query('update drops set closes_at = clock_timestamp()');
  expect(await create(newKey())).toMatchObject(STARTED);
});

test('a crowd costs one reading per 250 ms, not one per buyer', async () => {
  await holdPrint();
  const { pool } = api.database;
  let readings = 0;
  const query = pool.query.bind(pool) as (...args: unknown[]) => unknown;
  Object.assign(pool, {
    query: (...args: unknown[]) => {
      if (String(args[0]).includes('read_availability')) readings += 1;
      return query(...args);
    },
  });
  const startedAt = Date.now();
  const answers = await Promise.all(Array.from({ length: 100 }, () => create(newKey())));
  expect(answers.every((answer) => answer.status === 409)).toBe(true);
  expect(readings).toBeLessThanOrEqual(1 + Math.ceil((Date.now() - startedAt) / 250));
});
