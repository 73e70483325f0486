// Compensation under a Stripe that will not answer: nothing is released without proof, and nothing is forgotten.
import { checkoutIdFromKey, requestFingerprint } from '../../contracts/fingerprint';
import { checkoutWorkflowId } from '../../contracts/ids';
import { CHECKOUT_WORKFLOW_TYPE, MAIN_TASK_QUEUE } from '../../contracts/messages';
import { openCheckout } from '../../db/checkouts';
import { ageCheckout } from '../support/database';
import { readLedger } from '../support/ledger';
import { addProduct, order } from '../support/orders';
import type { CreateBody } from '../support/shop';
import { until } from '../support/until';
import { World } from '../support/world';

let world: World;

beforeAll(async () => {
  world = await World.open();
});
afterEach(async () => {
  await clearFaults();
  expect(await world.brokenInvariants()).toEqual([]);
});
afterAll(() => world?.close());

const clearFaults = () => fetch(`${world.simulatorUrl}/_simulator/faults`, { method: 'DELETE' });

const failCancels = (checkout: CreateBody, status: number) =>
  world.fault({
    operation: 'payment_intents.cancel',
    times: 100_000,
    effect: 'none',
    reply: { status },
    match: { id: checkout.payment_intent_id },
  });

const handleOf = (checkout: CreateBody) =>
  world.env.client.workflow.getHandle(checkoutWorkflowId(checkout.checkout_id));

test('an hour of 500s on the cancel: the units stay held, the history stays short, and it ends by itself', async () => {
  const { checkout, stock, stockBefore } = await order(world, 1);
  await failCancels(checkout, 500);
  await world.env.sleep('65 minutes');
  expect(await stock()).toBe(stockBefore - 1);
  expect((await handleOf(checkout).describe()).historyLength).toBeLessThan(500);
  expect((await world.shop.read(checkout)).status).toBe('awaiting_payment');

  await clearFaults();
  await world.finish(checkout);
  expect((await world.shop.read(checkout)).status).toBe('expired');
  expect((await world.payment(checkout)).status).toBe('canceled');
  expect(await stock()).toBe(stockBefore);
});

test('our key is refused: nothing is released, an incident is open, and it goes on after the fix', async () => {
  const { checkout, stock, stockBefore } = await order(world, 1);
  await world.fault({
    operation: '*',
    times: 100_000,
    effect: 'none',
    reply: { status: 401 },
    match: { id: checkout.payment_intent_id },
  });
  expect(await world.shop.cancel(checkout)).toBe(202);
  await until('the incident', async () => (await world.incidents(checkout)).includes('stripe_key_refused'));
  expect(await stock()).toBe(stockBefore - 1);

  await clearFaults();
  await world.finish(checkout);
  expect((await world.shop.read(checkout)).status).toBe('canceled');
  expect(await stock()).toBe(stockBefore);
});

test('one grace after the deadline without proof an incident is open, and the lease is still renewed', async () => {
  const { checkout, stock, stockBefore } = await order(world, 1);
  await failCancels(checkout, 500);
  await ageCheckout(world.pool, checkout.checkout_id, 300 + 601);
  expect(await world.shop.cancel(checkout)).toBe(202);
  await until('the incident', async () => (await world.incidents(checkout)).includes('payment_end_unproven'));
  await world.pool.query('select cleanup_expired_reservations()');
  expect(await stock()).toBe(stockBefore - 1);

  await clearFaults();
  await world.finish(checkout);
  expect(await stock()).toBe(stockBefore);
});

describe('the longest hold without proof is over', () => {
  async function overdue() {
    const placed = await order(world, 1);
    await failCancels(placed.checkout, 500);
    await ageCheckout(world.pool, placed.checkout.checkout_id, 300 + 86_401);
    expect(await world.shop.cancel(placed.checkout)).toBe(202);
    await world.reach(placed.checkout, 'expired');
    expect(await world.shop.read(placed.checkout)).toMatchObject({ failure_code: 'payment_unresolved' });
    expect(await world.incidents(placed.checkout)).toContain('payment_unresolved');
    expect(await placed.stock()).toBe(placed.stockBefore);
    expect((await handleOf(placed.checkout).describe()).status.name).toBe('RUNNING');
    return placed;
  }

  test('the units go back with an incident, and the run asks until the payment is canceled', async () => {
    const { checkout } = await overdue();
    await clearFaults();
    await world.finish(checkout);
    expect((await world.payment(checkout)).status).toBe('canceled');
  });

  test('money that comes all the same takes the units again', async () => {
    const { checkout, stock, stockBefore } = await overdue();
    expect((await world.pay(checkout)).body.status).toBe('succeeded');
    await world.finish(checkout);
    expect((await world.shop.read(checkout)).status).toBe('confirmed');
    expect(await stock()).toBe(stockBefore - 1);
  });
});

test('a run that is taken up more than twenty seconds after its start holds nothing', async () => {
  const productId = await addProduct(world, 2);
  const checkoutId = checkoutIdFromKey('a-key-whose-worker-sleeps');
  const lines = [{ dropProductId: productId, quantity: 1 }];
  await world.stopWorkers();
  const handle = await world.env.client.workflow.start(CHECKOUT_WORKFLOW_TYPE, {
    workflowId: checkoutWorkflowId(checkoutId),
    taskQueue: MAIN_TASK_QUEUE,
    args: [{ checkoutId, requestFingerprint: requestFingerprint(lines, null), lines, customerId: null }],
  });
  await world.env.sleep('21 seconds');
  await world.startWorkers();

  expect(await handle.result()).toEqual({
    status: 'refused',
    failureCode: 'checkout_not_opened',
    orderId: null,
  });
  expect(await world.shop.available(productId)).toBe(2);
  const { rows } = await world.pool.query('select status, failure_code from checkouts where id = $1', [
    checkoutId,
  ]);
  expect(rows).toEqual([{ status: 'refused', failure_code: 'checkout_not_opened' }]);
});

test('a run that takes up a row whose deadline has passed creates no payment and gives the units back', async () => {
  const productId = await addProduct(world, 2);
  const lines = [{ dropProductId: productId, quantity: 1 }];
  const checkoutId = checkoutIdFromKey('a-key-whose-run-was-lost');
  const input = { checkoutId, requestFingerprint: requestFingerprint(lines, null), lines, customerId: null };
  await openCheckout(world.pool, {
    ...input,
    windowSeconds: 300,
    reclaimGraceSeconds: 600,
    paymentAttemptsMax: 3,
  });
  await ageCheckout(world.pool, checkoutId, 301);
  const result: unknown = await world.env.client.workflow.execute(CHECKOUT_WORKFLOW_TYPE, {
    workflowId: checkoutWorkflowId(checkoutId),
    taskQueue: MAIN_TASK_QUEUE,
    args: [input],
  });
  expect(result).toEqual({ status: 'refused', failureCode: 'checkout_not_opened', orderId: null });
  expect(await world.shop.available(productId)).toBe(2);
  const { payment_intents: payments } = await readLedger(world.simulatorUrl);
  expect(payments.filter(({ metadata }) => metadata['checkout_id'] === checkoutId)).toEqual([]);
});

test('a cancel of the run by an operator in Temporal ends the payment and gives the units back', async () => {
  const { checkout, stock, stockBefore } = await order(world, 1);
  await handleOf(checkout).cancel();
  await world.reach(checkout, 'canceled');
  expect((await world.payment(checkout)).status).toBe('canceled');
  expect(await stock()).toBe(stockBefore);
});

test('a succeeded payment of another amount keeps the units held and calls a person', async () => {
  const { checkout, stock, stockBefore } = await order(world, 1);
  await world.stripe.paymentIntents.update(checkout.payment_intent_id, { amount: checkout.amount - 100 });
  expect((await world.pay(checkout)).body.status).toBe('succeeded');
  await until('the incident', async () =>
    (await world.incidents(checkout)).includes('payment_does_not_match'),
  );
  expect((await world.shop.read(checkout)).status).toBe('awaiting_payment');
  expect(await stock()).toBe(stockBefore - 1);
});
