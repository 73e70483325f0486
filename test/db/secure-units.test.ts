// Before a capture every unit is held again, or the answer is no and nothing has changed.
import { confirmCheckout, openCheckout, releaseCheckout, secureUnits } from '../../db/checkouts';
import { cleanupExpiredReservations } from '../../db/cleanup';
import { ageCheckout, createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import {
  available,
  createProducts,
  expectNoDrift,
  GRACE_SECONDS,
  line,
  openAndBind,
  openInput,
  stateOf,
  unitsByStatus,
} from './support';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterEach(() => expectNoDrift(db.pool));
afterAll(() => db.drop());

const secure = (checkoutId: string) =>
  secureUnits(db.pool, { checkoutId, reclaimGraceSeconds: GRACE_SECONDS });

/** One unit each of two products, held until the database took them back. */
async function openAndLose() {
  const products = await createProducts(db.pool, 2, { total: 1 });
  const checkout = await openAndBind(
    db.pool,
    products.map((id) => line(id)),
  );
  await ageCheckout(db.pool, checkout.checkoutId, 10_000);
  expect(await cleanupExpiredReservations(db.pool)).toBe(2);
  return { ...checkout, products };
}

const stockOf = (products: string[]) => Promise.all(products.map((id) => available(db.pool, id)));

test('what is held gets a new lease, lapsed or not', async () => {
  const products = await createProducts(db.pool, 2, { total: 1 });
  const { checkoutId } = await openAndBind(
    db.pool,
    products.map((id) => line(id)),
  );
  await ageCheckout(db.pool, checkoutId, 10_000);
  expect(await secure(checkoutId)).toBe(true);
  expect(await cleanupExpiredReservations(db.pool)).toBe(0);
});

test('what was lost is held again, and then sold', async () => {
  const { checkoutId, paymentIntentId, products } = await openAndLose();
  expect(await secure(checkoutId)).toBe(true);
  expect(await stockOf(products)).toEqual([0, 0]);
  expect(await cleanupExpiredReservations(db.pool)).toBe(0);
  await confirmCheckout(db.pool, { checkoutId, paymentIntentId, eventIds: [] });
  for (const id of products) expect(await unitsByStatus(db.pool, id)).toEqual({ confirmed: 1 });
});

test('all lines or none: one that is gone leaves everything as it was', async () => {
  const { checkoutId, products } = await openAndLose();
  await openAndBind(db.pool, [line(products[1] ?? '')]);
  const before = await stateOf(db.pool, checkoutId);
  expect(await secure(checkoutId)).toBe(false);
  expect(await stateOf(db.pool, checkoutId)).toEqual(before);
});

test.each(['expired', 'confirmed'])('a %s checkout is not secured', async (how) => {
  const { checkoutId, paymentIntentId } = await openAndLose();
  if (how === 'confirmed') await confirmCheckout(db.pool, { checkoutId, paymentIntentId, eventIds: [] });
  else await releaseCheckout(db.pool, { checkoutId, status: 'expired', failureCode: null, eventIds: [] });
  const before = await stateOf(db.pool, checkoutId);
  expect(await secure(checkoutId)).toBe(false);
  expect(await stateOf(db.pool, checkoutId)).toEqual(before);
  const moved = db.pool.query(`update inventory_reservations set status = 'held' where checkout_id = $1`, [
    checkoutId,
  ]);
  await expect(moved).rejects.toMatchObject({ code: 'HF005' });
});

test('an unbound checkout has nothing to capture', async () => {
  const [product = ''] = await createProducts(db.pool, 1, { total: 1 });
  const input = openInput([line(product)]);
  await openCheckout(db.pool, input);
  await expect(secure(input.checkoutId)).rejects.toMatchObject({ reason: 'not_bound' });
});

test('two checkouts that lost the same last unit: one holds it again', async () => {
  const [product = ''] = await createProducts(db.pool, 1, { total: 1 });
  const buyers = [];
  for (let buyer = 0; buyer < 2; buyer += 1) {
    const { checkoutId } = await openAndBind(db.pool, [line(product)]);
    await ageCheckout(db.pool, checkoutId, 10_000);
    await cleanupExpiredReservations(db.pool);
    buyers.push(checkoutId);
  }
  const answers = await Promise.all(buyers.map(secure));
  expect(answers.filter((isSecured) => isSecured)).toHaveLength(1);
  expect(await available(db.pool, product)).toBe(0);
});
