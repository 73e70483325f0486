// Manual capture under faults: no capture without held units, one capture whatever becomes of its reply, and no refund
// where a cancel is enough.
import { ageCheckout } from '../support/database';
import { postJson } from '../support/ledger';
import { loseLease, order, takeAll, type Placed } from '../support/orders';
import { until } from '../support/until';
import { World } from '../support/world';

let world: World;

beforeAll(async () => {
  world = await World.open({ policy: { captureMethod: 'manual' } });
});
afterEach(async () => {
  await clearFaults();
  await world.webhooks({ mode: 'deliver' });
  expect(await world.brokenInvariants()).toEqual([]);
});
afterAll(() => world?.close());

const clearFaults = () => fetch(`${world.simulatorUrl}/_simulator/faults`, { method: 'DELETE' });

const failCapture = ({ checkout }: Placed, fault: Record<string, unknown>) =>
  world.fault({
    operation: 'payment_intents.capture',
    match: { id: checkout.payment_intent_id },
    ...fault,
  });

const authorise = async ({ checkout }: Placed) =>
  expect((await world.pay(checkout)).body.status).toBe('requires_capture');

const expectPaidOnce = async ({ checkout }: Placed) =>
  expect(await world.payment(checkout)).toMatchObject({
    status: 'succeeded',
    captured: checkout.amount,
    refunded: 0,
  });

const expectLetGo = async ({ checkout }: Placed) =>
  expect(await world.payment(checkout)).toMatchObject({ status: 'canceled', captured: 0, refunded: 0 });

test.each([
  ['is lost after Stripe executed it', { effect: 'executed', reply: 'drop', times: 2 }],
  ['is lost before Stripe executed it', { effect: 'none', reply: 'drop', times: 2 }],
  ['is torn', { effect: 'executed', reply: 'truncate' }],
  ['is a 409', { effect: 'none', reply: { status: 409, code: 'idempotency_key_in_use' } }],
  ['is a 409, and it happened', { effect: 'executed', reply: { status: 409 } }],
  ['is a 429', { effect: 'none', reply: { status: 429, code: 'lock_timeout' } }],
  ['is a stored 500, and it happened', { effect: 'executed', reply: { status: 500 } }],
  ['is a stored 500, and it did not', { effect: 'none', reply: { status: 500 } }],
])('the reply to the capture %s: confirmed, one capture', async (_name, fault) => {
  const placed = await order(world, 1);
  await failCapture(placed, fault);
  await authorise(placed);
  await world.finish(placed.checkout);
  expect(await world.shop.read(placed.checkout)).toMatchObject({ status: 'confirmed' });
  await expectPaidOnce(placed);
  expect(await placed.stock()).toBe(placed.stockBefore - 1);
});

test('the bank refuses the capture: let go, released, payment_failed', async () => {
  const placed = await order(world, 1);
  await failCapture(placed, { effect: 'none', reply: { status: 402, code: 'card_declined' } });
  await authorise(placed);
  await world.reach(placed.checkout, 'payment_failed');
  expect(await world.shop.read(placed.checkout)).toMatchObject({ failure_code: 'capture_failed' });
  await expectLetGo(placed);
  expect(await placed.stock()).toBe(placed.stockBefore);
});

test('Stripe refuses our request itself: the units stay held, a person is told, and it goes on', async () => {
  const placed = await order(world, 1);
  await failCapture(placed, {
    effect: 'none',
    reply: { status: 400, code: 'parameter_unknown' },
    times: 1_000,
  });
  await authorise(placed);
  await until('the incident', async () =>
    (await world.incidents(placed.checkout)).includes('capture_rejected'),
  );
  expect(await placed.stock()).toBe(placed.stockBefore - 1);
  await clearFaults();
  await world.finish(placed.checkout);
  await expectPaidOnce(placed);
});

test('our key is refused: nothing released, nothing charged, and it goes on after the fix', async () => {
  const placed = await order(world, 1);
  await failCapture(placed, { effect: 'none', reply: { status: 401 }, times: 1_000 });
  await authorise(placed);
  await until('the incident', async () =>
    (await world.incidents(placed.checkout)).includes('stripe_key_refused'),
  );
  expect(await placed.stock()).toBe(placed.stockBefore - 1);
  expect(await world.payment(placed.checkout)).toMatchObject({ status: 'requires_capture', captured: 0 });
  await clearFaults();
  await world.finish(placed.checkout);
  await expectPaidOnce(placed);
});

describe('the lease was lost, and the run still waits', () => {
  test('authorised while the units are free: held again before the capture', async () => {
    const placed = await order(world, 1, 1);
    await loseLease(world, placed);
    await failCapture(placed, { effect: 'none', reply: { status: 500 }, times: 1_000 });
    await authorise(placed);
    await until('the units to be held again', async () => (await placed.stock()) === 0);
    const late = await world.shop.create([{ drop_product_id: placed.productId, quantity: 1 }]);
    expect(late.body.code).toBe('insufficient_inventory');
    await clearFaults();
    await world.finish(placed.checkout);
    expect((await world.shop.read(placed.checkout)).status).toBe('confirmed');
    await expectPaidOnce(placed);
  });

  test('authorised while the units are gone: let go for free, no refund', async () => {
    const placed = await order(world, 1, 1);
    await loseLease(world, placed);
    await takeAll(world, placed);
    await authorise(placed);
    await world.reach(placed.checkout, 'canceled');
    expect(await world.shop.read(placed.checkout)).toMatchObject({
      failure_code: 'sold_out_before_capture',
      refund: null,
    });
    await expectLetGo(placed);
  });

  test('a person captured it meanwhile, and the units are gone: refunded once', async () => {
    await world.webhooks({ mode: 'drop' });
    const placed = await order(world, 1, 1);
    await loseLease(world, placed);
    const other = await world.shop.open([{ drop_product_id: placed.productId, quantity: 1 }]);
    await authorise(placed);
    await world.stripe.paymentIntents.capture(placed.checkout.payment_intent_id);
    await world.finish(placed.checkout);
    const { amount } = placed.checkout;
    expect(await world.reach(placed.checkout, 'refunded')).toMatchObject({
      refund: { state: 'succeeded', amount },
    });
    await world.finish(other);
  });
});

describe('the run was terminated', () => {
  const terminate = ({ checkout }: Placed) =>
    world.env.client.workflow.getHandle(`checkout-${checkout.checkout_id}`).terminate('test');

  test('and the authorisation comes: settlement captures and confirms', async () => {
    const placed = await order(world, 1, 1);
    await terminate(placed);
    await authorise(placed);
    await world.reach(placed.checkout, 'confirmed');
    await expectPaidOnce(placed);
  });

  test('the units were given away, and the authorisation comes: let go for free', async () => {
    const placed = await order(world, 1, 1);
    await terminate(placed);
    await loseLease(world, placed);
    await takeAll(world, placed);
    await authorise(placed);
    await world.reach(placed.checkout, 'canceled');
    await expectLetGo(placed);
  });
});

test('captures fail until the longest hold is over: the units go back, and the authorisation is let go', async () => {
  const placed = await order(world, 1);
  await failCapture(placed, { effect: 'none', reply: { status: 500 }, times: 100_000 });
  await ageCheckout(world.pool, placed.checkout.checkout_id, 300 + 86_401);
  await authorise(placed);
  await world.finish(placed.checkout);
  expect((await world.payment(placed.checkout)).status).toBe('canceled');
  expect(await placed.stock()).toBe(placed.stockBefore);
});

test('an authorisation of another sum keeps the units held and calls a person', async () => {
  const placed = await order(world, 1);
  await world.stripe.paymentIntents.update(placed.checkout.payment_intent_id, {
    amount: placed.checkout.amount - 100,
  });
  await authorise(placed);
  await until('the incident', async () =>
    (await world.incidents(placed.checkout)).includes('payment_does_not_match'),
  );
  expect((await world.shop.read(placed.checkout)).status).toBe('awaiting_payment');
  expect(await world.payment(placed.checkout)).toMatchObject({ captured: 0 });
  await world.env.client.workflow.getHandle(`checkout-${placed.checkout.checkout_id}`).cancel();
  await world.reach(placed.checkout, 'canceled');
});

test('the authorisation lapses on the clock while the buyer is still waited for', async () => {
  const placed = await order(world, 1);
  await world.stripe.paymentIntents.update(placed.checkout.payment_intent_id, {
    amount: placed.checkout.amount - 100,
  });
  await authorise(placed);
  await postJson(`${world.simulatorUrl}/_simulator/clock`, { advance_seconds: 8 * 86_400 });
  await world.reach(placed.checkout, 'payment_failed');
  await expectLetGo(placed);
});
