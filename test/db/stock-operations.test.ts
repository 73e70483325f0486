// What operators do to stock, and what upkeep does: adjust a total, let old rows go, record each cleanup.
import { randomUUID } from 'node:crypto';

import {
  cleanupExpiredReservations,
  purgeEndedReservations,
  readMaintenanceHealth,
  runCleanup,
  runScheduledCleanup,
} from '../../db/cleanup';
import { confirmCheckout, openCheckout, releaseCheckout } from '../../db/checkouts';
import { openCheckouts } from '../../db/checkout-batches';
import { adjustTotalInventory, readAvailability } from '../../db/stock';
import { ageCheckout, createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import {
  available,
  createProduct,
  expectNoDrift,
  failureOf,
  line,
  openAndBind,
  openInput,
  unitsByStatus,
} from './support';

let db: TestDatabase;
beforeEach(async () => {
  db = await createTestDatabase();
});
afterEach(async () => {
  await expectNoDrift(db.pool);
  await db.drop();
});

const adjustment = (dropProductId: string, units: number, requestKey: string = randomUUID()) => ({
  requestKey,
  dropProductId,
  units,
  who: 'ops@desk-3',
  why: 'a box was found',
});
const DAY_SECONDS = 86_400;

test('units put on sale can be bought, once per key, and who did it is on record', async () => {
  const product = await createProduct(db.pool, { total: 1 });
  await openAndBind(db.pool, [line(product)]);
  expect(failureOf(await openCheckout(db.pool, openInput([line(product)])))).toBe('insufficient_inventory');
  const restock = adjustment(product, 2);
  expect(await adjustTotalInventory(db.pool, restock)).toEqual({ total: 3, available: 2 });
  expect(await adjustTotalInventory(db.pool, restock)).toEqual({ total: 3, available: 2 });
  expect((await openCheckout(db.pool, openInput([line(product)]))).outcome).toBe('opened');
  const { rows } = await db.pool.query('select units, total_after, who, why from stock_adjustments');
  expect(rows).toEqual([{ units: 2, total_after: 3, who: 'ops@desk-3', why: 'a box was found' }]);
});

test('the total never goes below held and sold, and a key is for one adjustment', async () => {
  const product = await createProduct(db.pool, { total: 5 });
  const sold = await openAndBind(db.pool, [line(product, 2)]);
  await confirmCheckout(db.pool, { ...sold, eventIds: [] });
  await openAndBind(db.pool, [line(product)]);
  await expect(adjustTotalInventory(db.pool, adjustment(product, -3))).rejects.toMatchObject({
    reason: 'below_held_and_sold',
    detail: '3',
  });
  expect(await adjustTotalInventory(db.pool, adjustment(product, -2, 'key'))).toEqual({
    total: 3,
    available: 0,
  });
  await expect(adjustTotalInventory(db.pool, adjustment(product, -1, 'key'))).rejects.toMatchObject({
    reason: 'other_request',
  });
  await expect(adjustTotalInventory(db.pool, adjustment(randomUUID(), 1))).rejects.toMatchObject({
    reason: 'not_found',
  });
});

test('totals adjusted while buyers are at it: every unit is accounted for', async () => {
  const product = await createProduct(db.pool, { total: 20 });
  const [changes, answers] = await Promise.all([
    Promise.allSettled(
      Array.from({ length: 20 }, (_, n) =>
        adjustTotalInventory(db.pool, adjustment(product, n % 2 === 0 ? 3 : -2)),
      ),
    ),
    Promise.all(
      Array.from({ length: 10 }, () =>
        openCheckouts(db.pool, [openInput([line(product)]), openInput([line(product)])]),
      ),
    ),
  ]);
  const refused = changes.filter((change) => change.status === 'rejected').length;
  const opened = answers.flat().filter((answer) => answer?.outcome === 'opened').length;
  expect(await available(db.pool, product)).toBe(20 + 10 * 3 - (10 - refused) * 2 - opened);
});

test('old ended rows go, in batches; held and confirmed ones and young ones stay; the checkout is answered as before', async () => {
  const product = await createProduct(db.pool, { total: 20 });
  const open = () => openAndBind(db.pool, [line(product)]);
  const release = async ({ checkoutId }: { checkoutId: string }) =>
    releaseCheckout(db.pool, { checkoutId, status: 'expired', failureCode: null, eventIds: [] });
  const [sold, oldReleased, young, held] = [await open(), await open(), await open(), await open()];
  await confirmCheckout(db.pool, { ...sold, eventIds: [] });
  await release(oldReleased);
  await release(young);
  await ageCheckout(db.pool, sold.checkoutId, 31 * DAY_SECONDS);
  await ageCheckout(db.pool, oldReleased.checkoutId, 31 * DAY_SECONDS);
  await ageCheckout(db.pool, young.checkoutId, 29 * DAY_SECONDS);
  expect(await purgeEndedReservations(db.pool)).toBe(1);
  expect(await unitsByStatus(db.pool, product)).toEqual({ confirmed: 1, expired: 1, held: 1 });
  expect(await purgeEndedReservations(db.pool)).toBe(0);
  // Late money for the purged one still becomes an order: the units are claimed anew.
  expect(await confirmCheckout(db.pool, { ...oldReleased, eventIds: [] })).toMatchObject({
    status: 'confirmed',
  });
  expect(held.checkoutId).not.toBe(young.checkoutId);
});

test('cleanup in bounded batches: 5,000 a call, the rest in the same run', async () => {
  const product = await createProduct(db.pool, { total: 12_000 });
  await db.pool.query(
    `with held as (
       insert into inventory_reservations (drop_product_id, quantity, payment_intent_id, expires_at)
       select $1, 1, 'dead_' || n, clock_timestamp() - interval '1 s' from generate_series(1, 12000) n)
     update drop_products set available_inventory = 0 where id = $1`,
    [product],
  );
  expect(await cleanupExpiredReservations(db.pool)).toBe(5_000);
  expect(await runCleanup(db.pool)).toMatchObject({ released: 7_000, more: false });
  expect(await available(db.pool, product)).toBe(12_000);
});

test('every run leaves a row, a failed one too; overdue means that none succeeded for 180 s', async () => {
  expect(await readMaintenanceHealth(db.pool)).toEqual({
    lastSuccessAt: null, runs24h: 0, successes24h: 0, isOverdue: true, drift: null,
  }); // prettier-ignore
  await runCleanup(db.pool);
  expect(await readMaintenanceHealth(db.pool)).toMatchObject({
    runs24h: 1,
    successes24h: 1,
    isOverdue: false,
    drift: null,
  });
  expect(await runScheduledCleanup(db.pool)).toMatchObject({ released: 0, purged: 0, drift: [] });
  expect(await readMaintenanceHealth(db.pool)).toMatchObject({ runs24h: 2, drift: 0 });
  await db.pool.query('alter function cleanup_expired_reservations() rename to cleanup_is_away');
  await expect(runCleanup(db.pool)).rejects.toThrow('does not exist');
  await db.pool.query('alter function cleanup_is_away() rename to cleanup_expired_reservations');
  expect(await readMaintenanceHealth(db.pool)).toMatchObject({
    runs24h: 3,
    successes24h: 2,
    isOverdue: false,
  });
  await db.pool.query(`update maintenance_runs set finished_at = finished_at - interval '181 s'`);
  expect(await readMaintenanceHealth(db.pool)).toMatchObject({ isOverdue: true, drift: 0 });
});

test('availability: the counter, whether dead holds would be given, and whether the drop is open', async () => {
  const product = await createProduct(db.pool, { total: 1 });
  const { checkoutId } = await openAndBind(db.pool, [line(product)]);
  expect(await readAvailability(db.pool, [product, randomUUID()])).toEqual([
    { dropProductId: product, name: 'Test product', available: 0, hasDeadHolds: false, isOpen: true },
  ]);
  await ageCheckout(db.pool, checkoutId, 10_000);
  await db.pool.query(`update drops set closes_at = clock_timestamp()`);
  expect(await readAvailability(db.pool, [product])).toMatchObject([
    { available: 0, hasDeadHolds: true, isOpen: false },
  ]);
});
