// The limit per customer: over all of that customer's checkouts, also when they come at the same moment.
import { confirmCheckout, openCheckout, readCheckout, releaseCheckout } from '../../db/checkouts';
import { ageCheckout, createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import {
  available,
  createProduct,
  createProducts,
  expectNoDrift,
  failureOf,
  line,
  openAndBind,
  openInput,
  required,
  unitsByStatus,
} from './support';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterEach(() => expectNoDrift(db.pool));
afterAll(() => db.drop());

test('held and confirmed units count, released and expired ones do not', async () => {
  const product = await createProduct(db.pool, { total: 50, maxPerCustomer: 3 });
  const customer = { customerId: 'counts' };
  const paid = await openAndBind(db.pool, [line(product)], customer);
  await confirmCheckout(db.pool, { ...paid, eventIds: [] });
  const given = await openAndBind(db.pool, [line(product)], customer);
  await releaseCheckout(db.pool, {
    checkoutId: given.checkoutId,
    status: 'canceled',
    failureCode: null,
    eventIds: [],
  });
  await openAndBind(db.pool, [line(product)], customer);
  const input = openInput([line(product, 2)], customer);
  expect(failureOf(await openCheckout(db.pool, input))).toBe('purchase_limit_reached');
  expect((await readCheckout(db.pool, input.checkoutId))?.failureDetail).toMatchObject({
    drop_product_id: product,
    max_per_customer: 3,
    already: 2,
    requested: 2,
  });
  expect((await openCheckout(db.pool, openInput([line(product)], customer))).outcome).toBe('opened');
});

test('another customer has a limit of its own', async () => {
  const product = await createProduct(db.pool, { total: 50, maxPerCustomer: 1 });
  for (const customerId of ['one', 'two']) {
    expect((await openCheckout(db.pool, openInput([line(product)], { customerId }))).outcome).toBe('opened');
  }
});

test('without a customer it holds for each checkout', async () => {
  const product = await createProduct(db.pool, { total: 50, maxPerCustomer: 2 });
  expect(failureOf(await openCheckout(db.pool, openInput([line(product, 3)])))).toBe(
    'purchase_limit_reached',
  );
  for (let n = 0; n < 3; n += 1) {
    expect((await openCheckout(db.pool, openInput([line(product, 2)]))).outcome).toBe('opened');
  }
});

test('thirty checkouts of one customer at once: the limit opens, the rest is refused', async () => {
  const [a, b] = await createProducts(db.pool, 2, { total: 50, maxPerCustomer: 2 });
  const there = [line(required(a)), line(required(b))];
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, n) =>
      openCheckout(
        db.pool,
        openInput(n % 2 === 0 ? there : there.toReversed(), { customerId: 'in a hurry' }),
      ),
    ),
  );
  expect(answers.filter((answer) => answer.outcome === 'opened')).toHaveLength(2);
  expect(await unitsByStatus(db.pool, required(a))).toEqual({ held: 2 });
});

test("an abandoned checkout's dead hold does not use the limit up", async () => {
  const product = await createProduct(db.pool, { total: 50, maxPerCustomer: 1 });
  const customer = { customerId: 'came back' };
  const abandoned = await openAndBind(db.pool, [line(product)], customer);
  expect(failureOf(await openCheckout(db.pool, openInput([line(product)], customer)))).toBe(
    'purchase_limit_reached',
  );
  await ageCheckout(db.pool, abandoned.checkoutId, 10_000);
  expect((await openCheckout(db.pool, openInput([line(product)], customer))).outcome).toBe('opened');
  expect(await available(db.pool, product)).toBe(49);
});

test('it applies to a re-claim as well: late money beyond the limit is refunded', async () => {
  const product = await createProduct(db.pool, { total: 50, maxPerCustomer: 1 });
  const customer = { customerId: 'late' };
  const late = await openAndBind(db.pool, [line(product)], customer);
  await ageCheckout(db.pool, late.checkoutId, 10_000);
  await openAndBind(db.pool, [line(product)], customer);
  expect(await confirmCheckout(db.pool, { ...late, eventIds: [] })).toMatchObject({
    status: 'refund_pending',
    failureCode: 'sold_out_after_payment',
  });
});
