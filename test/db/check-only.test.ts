// RESERVATIONS=check-only in the database: free units are asked for, none is held, and step 4 takes them or does not.
import { createCheckoutBatches } from '../../db/checkout-batches';
import {
  bindPaymentIntent,
  confirmCheckout,
  openCheckout,
  releaseCheckout,
  secureUnits,
} from '../../db/checkouts';
import { createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import {
  available,
  createProduct,
  expectNoDrift,
  failureOf,
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

const CHECK_ONLY = { isCheckOnly: true };
const confirm = (checkoutId: string, paymentIntentId: string) =>
  confirmCheckout(db.pool, { checkoutId, paymentIntentId, eventIds: [] });

test('two buyers of the last unit may both pay; one gets it, and the other one’s money goes back', async () => {
  const product = await createProduct(db.pool, { total: 1 });
  const [first, second] = [
    await openAndBind(db.pool, [line(product)], CHECK_ONLY),
    await openAndBind(db.pool, [line(product)], CHECK_ONLY),
  ];
  expect(await available(db.pool, product)).toBe(1);
  expect(await confirm(second.checkoutId, second.paymentIntentId)).toMatchObject({ status: 'confirmed' });
  expect(await confirm(first.checkoutId, first.paymentIntentId)).toMatchObject({
    status: 'refund_pending',
    failureCode: 'sold_out_after_payment',
  });
  expect(await available(db.pool, product)).toBe(0);
  expect(await unitsByStatus(db.pool, product)).toEqual({ confirmed: 1, released: 1 });
});

test('what is not free is refused, and the same request again is answered from its row', async () => {
  const product = await createProduct(db.pool, { total: 1 });
  const refused = await openCheckout(db.pool, openInput([line(product, 2)], CHECK_ONLY));
  expect(failureOf(refused)).toBe('insufficient_inventory');
  const input = openInput([line(product)], CHECK_ONLY);
  const opened = await openCheckout(db.pool, input);
  const before = await stateOf(db.pool, input.checkoutId);
  expect(await openCheckout(db.pool, input)).toEqual(opened);
  // Also once the switch has been turned: what the checkout began as, it stays.
  expect(await openCheckout(db.pool, { ...input, isCheckOnly: false })).toEqual(opened);
  expect(await stateOf(db.pool, input.checkoutId)).toEqual(before);
});

test('a checkout that holds its units keeps them when it is asked for again while the switch is turned', async () => {
  const product = await createProduct(db.pool, { total: 1 });
  const input = openInput([line(product)]);
  await openCheckout(db.pool, input);
  await openCheckout(db.pool, { ...input, isCheckOnly: true });
  expect(await available(db.pool, product)).toBe(0);
});

test('a capture first takes the units; another buyer then finds none', async () => {
  const product = await createProduct(db.pool, { total: 1 });
  const bought = await openAndBind(db.pool, [line(product)], CHECK_ONLY);
  const late = await openAndBind(db.pool, [line(product)], CHECK_ONLY);
  const secure = (checkoutId: string) => secureUnits(db.pool, { checkoutId, reclaimGraceSeconds: 600 });
  expect(await secure(bought.checkoutId)).toBe(true);
  expect(await available(db.pool, product)).toBe(0);
  expect(await secure(late.checkoutId)).toBe(false);
  expect(await confirm(bought.checkoutId, bought.paymentIntentId)).toMatchObject({ status: 'confirmed' });
  await releaseCheckout(db.pool, {
    checkoutId: late.checkoutId,
    status: 'canceled',
    failureCode: 'sold_out_before_capture',
    eventIds: [],
  });
  expect(await unitsByStatus(db.pool, product)).toEqual({ confirmed: 1, released: 1 });
});

test('the limit per customer is kept where the units are taken', async () => {
  const product = await createProduct(db.pool, { total: 5, maxPerCustomer: 1 });
  const customer = { ...CHECK_ONLY, customerId: 'customer-1' };
  const first = await openAndBind(db.pool, [line(product)], customer);
  const second = await openAndBind(db.pool, [line(product)], customer);
  expect(await confirm(first.checkoutId, first.paymentIntentId)).toMatchObject({ status: 'confirmed' });
  expect(await confirm(second.checkoutId, second.paymentIntentId)).toMatchObject({
    status: 'refund_pending',
  });
  const third = await openCheckout(db.pool, openInput([line(product)], customer));
  expect(failureOf(third)).toBe('purchase_limit_reached');
});

test('among the batches: who only asks is not refused for others who only ask, and who holds is counted', async () => {
  const product = await createProduct(db.pool, { total: 3 });
  const batches = createCheckoutBatches(db.pool);
  const inputs = Array.from({ length: 20 }, (_, n) => openInput([line(product)], { isCheckOnly: n >= 2 }));
  const opened = await Promise.all(inputs.map((input) => batches.openCheckout(input)));
  expect(opened.map(({ outcome }) => outcome)).toEqual(inputs.map(() => 'opened'));
  expect(await available(db.pool, product)).toBe(1);
  const endings = await Promise.all(
    inputs.map(async ({ checkoutId }) => {
      const paymentIntentId = `pi_${checkoutId}`;
      await bindPaymentIntent(db.pool, { checkoutId, paymentIntentId });
      return batches.confirmCheckout({ checkoutId, paymentIntentId, eventIds: [] });
    }),
  );
  await batches.drain();
  expect(endings.slice(0, 2).map(({ status }) => status)).toEqual(['confirmed', 'confirmed']);
  expect(endings.filter(({ status }) => status === 'confirmed')).toHaveLength(3);
  expect(endings.filter(({ status }) => status === 'refund_pending')).toHaveLength(17);
  expect(await available(db.pool, product)).toBe(0);
});
