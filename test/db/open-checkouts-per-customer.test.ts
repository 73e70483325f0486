// The bound on checkouts one customer may have standing open.
import { openCheckouts } from '../../db/checkout-batches';
import { openCheckout, readCheckout, releaseCheckout } from '../../db/checkouts';
import { withTransaction } from '../../db/pool';
import { ageCheckout, createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import {
  createProduct,
  expectNoDrift,
  failureOf,
  line,
  openAndBind,
  openInput,
  required,
  untilWaiting,
} from './support';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
  await setMax(3);
});
afterEach(() => expectNoDrift(db.pool));
afterAll(() => db.drop());

async function setMax(max: number | null): Promise<void> {
  await db.pool.query('update inventory_settings set open_checkouts_per_customer_max = $1', [max]);
}

test('it is counted over all products, and told with the numbers; one that ended makes room', async () => {
  const customer = { customerId: 'over all products' };
  const open = [];
  for (let n = 0; n < 3; n += 1) {
    open.push(await openAndBind(db.pool, [line(await createProduct(db.pool, { total: 5 }))], customer));
  }
  const product = await createProduct(db.pool, { total: 5 });
  const input = openInput([line(product)], customer);
  expect(failureOf(await openCheckout(db.pool, input))).toBe('too_many_open_checkouts');
  expect((await readCheckout(db.pool, input.checkoutId))?.failureDetail).toEqual({
    open_checkouts: 3,
    open_checkouts_max: 3,
  });
  const { checkoutId } = required(open[0]);
  await releaseCheckout(db.pool, { checkoutId, status: 'canceled', failureCode: null, eventIds: [] });
  expect((await openCheckout(db.pool, openInput([line(product)], customer))).outcome).toBe('opened');
});

test('one whose lease has lapsed does not lock its customer out', async () => {
  const customer = { customerId: 'lapsed' };
  const product = await createProduct(db.pool, { total: 50 });
  for (let n = 0; n < 3; n += 1) {
    await ageCheckout(db.pool, (await openAndBind(db.pool, [line(product)], customer)).checkoutId, 10_000);
  }
  expect((await openCheckout(db.pool, openInput([line(product)], customer))).outcome).toBe('opened');
});

test('thirty at once, singly and in batches: exactly the bound opens', async () => {
  const customer = { customerId: 'everything at once' };
  const product = await createProduct(db.pool, { total: 50 });
  const orders = () => Array.from({ length: 5 }, () => openInput([line(product)], customer));
  const answers = await Promise.all([
    ...orders().map((order) => openCheckout(db.pool, order)),
    ...Array.from({ length: 5 }, () => openCheckouts(db.pool, orders())),
  ]);
  const failures = answers.flat().map((answer) => failureOf(required(answer ?? undefined)));
  expect(failures).toHaveLength(30);
  expect(failures.filter((failure) => failure === null)).toHaveLength(3);
  expect(failures.filter((failure) => failure === 'too_many_open_checkouts')).toHaveLength(27);
});

test('a batch waits for what the same customer is opening elsewhere, and counts it', async () => {
  const customer = { customerId: 'two tabs' };
  const here = await createProduct(db.pool, { total: 5 });
  const there = await createProduct(db.pool, { total: 5 });
  for (let n = 0; n < 2; n += 1) await openAndBind(db.pool, [line(here)], customer);
  let opening: ReturnType<typeof openCheckouts> | undefined;
  await withTransaction(db.pool, async (client) => {
    await openCheckout(client, openInput([line(here)], customer));
    opening = openCheckouts(db.pool, [openInput([line(there)], customer), openInput([line(there)])]);
    await untilWaiting(db.pool, 1);
  });
  expect((await opening)?.map((answer) => failureOf(required(answer ?? undefined)))).toEqual([
    'too_many_open_checkouts',
    null,
  ]);
});

test('without a customer, and without a bound, nothing is counted', async () => {
  const product = await createProduct(db.pool, { total: 50 });
  const answers = await openCheckouts(
    db.pool,
    Array.from({ length: 5 }, () => openInput([line(product)])),
  );
  await setMax(null);
  const customer = { customerId: 'unbounded' };
  answers.push(
    ...(await openCheckouts(
      db.pool,
      Array.from({ length: 5 }, () => openInput([line(product)], customer)),
    )),
  );
  answers.push(await openCheckout(db.pool, openInput([line(product)], customer)));
  expect(answers.map((answer) => answer?.outcome)).toEqual(Array.from({ length: 11 }, () => 'opened'));
});
