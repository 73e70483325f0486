// Who else may move a payment while the saga ends it, with both capture methods: the race table, row by row.
import { CAPTURE_METHODS } from '../../contracts/checkout';
import { order, type Placed } from '../support/orders';
import { World } from '../support/world';

const AUTHORISED = { automatic: 'succeeded', manual: 'requires_capture' } as const;

describe.each(CAPTURE_METHODS)('%s capture', (captureMethod) => {
  let world: World;

  beforeAll(async () => {
    world = await World.open({
      policy: { captureMethod },
      paymentMethodTypes: captureMethod === 'manual' ? ['card'] : ['card', 'us_bank_account'],
    });
  });
  afterEach(async () => {
    await fetch(`${world.simulatorUrl}/_simulator/faults`, { method: 'DELETE' });
    await world.webhooks({ mode: 'deliver' });
    expect(await world.brokenInvariants()).toEqual([]);
  });
  afterAll(() => world?.close());

  const cancelMeets = ({ checkout }: Placed, meanwhile: Record<string, unknown>, rest = {}) =>
    world.fault({
      operation: 'payment_intents.cancel',
      match: { id: checkout.payment_intent_id },
      meanwhile: { params: {}, ...meanwhile },
      ...rest,
    });

  const CONFIRM = { operation: 'payment_intents.confirm', params: { payment_method: 'pm_card_visa' } };

  async function expectSold({ checkout, stock, stockBefore }: Placed) {
    await world.reach(checkout, 'confirmed');
    expect(await world.payment(checkout)).toMatchObject({
      status: 'succeeded',
      captured: checkout.amount,
      refunded: 0,
    });
    expect(await stock()).toBe(stockBefore - 1);
  }

  async function expectFree({ checkout, stock, stockBefore }: Placed, status: string) {
    await world.reach(checkout, status);
    expect(await world.payment(checkout)).toMatchObject({ status: 'canceled', captured: 0, refunded: 0 });
    expect(await stock()).toBe(stockBefore);
  }

  test('paid: one capture, an order, units sold', async () => {
    const placed = await order(world, 1);
    expect((await world.pay(placed.checkout)).body.status).toBe(AUTHORISED[captureMethod]);
    await world.finish(placed.checkout);
    await expectSold(placed);
  });

  test('nobody pays: canceled, then released', async () => {
    const placed = await order(world, 1);
    await world.finish(placed.checkout);
    await expectFree(placed, 'expired');
  });

  test('every webhook is lost: a payment in time is found at the deadline and sold', async () => {
    await world.webhooks({ mode: 'drop' });
    const placed = await order(world, 1);
    expect((await world.pay(placed.checkout)).body.status).toBe(AUTHORISED[captureMethod]);
    await world.finish(placed.checkout);
    await expectSold(placed);
  });

  test('the shopper cancels after paying: the payment has won', async () => {
    await world.webhooks({ mode: 'drop' });
    const placed = await order(world, 1);
    expect((await world.pay(placed.checkout)).body.status).toBe(AUTHORISED[captureMethod]);
    expect(await world.shop.cancel(placed.checkout)).toBe(202);
    await expectSold(placed);
  });

  test('the cancel meets the confirm: sold, or let go for free', async () => {
    const placed = await order(world, 1);
    await cancelMeets(placed, CONFIRM);
    expect(await world.shop.cancel(placed.checkout)).toBe(202);
    await (captureMethod === 'manual' ? expectFree(placed, 'canceled') : expectSold(placed));
  });

  test('the cancel meets the end of 3D Secure at the deadline: sold, or let go for free', async () => {
    await world.webhooks({ mode: 'hold' });
    const placed = await order(world, 1);
    expect((await world.pay(placed.checkout, 'pm_card_threeDSecure2Required')).body.status).toBe(
      'requires_action',
    );
    await cancelMeets(placed, { operation: 'complete_3ds' });
    await world.finish(placed.checkout);
    await (captureMethod === 'manual' ? expectFree(placed, 'expired') : expectSold(placed));
  });

  test('both at the same instant, and the cancel loses the lock: sold', async () => {
    await world.webhooks({ mode: 'drop' });
    const placed = await order(world, 1);
    await cancelMeets(placed, CONFIRM, { effect: 'none', reply: { status: 429, code: 'lock_timeout' } });
    await world.finish(placed.checkout);
    await expectSold(placed);
  });

  test('the cancel meets a cancel in the dashboard: released', async () => {
    const placed = await order(world, 1);
    await cancelMeets(placed, { operation: 'payment_intents.cancel' });
    expect(await world.shop.cancel(placed.checkout)).toBe(202);
    await expectFree(placed, 'canceled');
  });

  test("an operator's cancel meets an open payment: let go", async () => {
    const placed = await order(world, 1);
    await world.env.client.workflow.getHandle(`checkout-${placed.checkout.checkout_id}`).cancel();
    await expectFree(placed, 'canceled');
  });

  if (captureMethod === 'automatic') {
    test.each(['settle', 'fail'] as const)('processing refuses the cancel, then may %s', async (end) => {
      const placed = await order(world, 1);
      const paid = await world.pay(placed.checkout, 'pm_usBankAccount_success');
      expect(paid.body.status).toBe('processing');
      await world.reach(placed.checkout, 'payment_processing');
      expect(await world.shop.cancel(placed.checkout)).toBe(202);
      await world.env.sleep('1 minute');
      expect(await placed.stock()).toBe(placed.stockBefore - 1);
      await world.control(`payment_intents/${placed.checkout.payment_intent_id}/${end}_processing`);
      await (end === 'settle' ? expectSold(placed) : expectFree(placed, 'canceled'));
    });
  }

  if (captureMethod === 'manual') {
    test('the cancel meets a capture in the dashboard: sold', async () => {
      await world.webhooks({ mode: 'drop' });
      const placed = await order(world, 1);
      await world.pay(placed.checkout);
      await world.fault({
        operation: 'payment_intents.capture',
        match: { id: placed.checkout.payment_intent_id },
        meanwhile: { operation: 'payment_intents.capture', params: {} },
      });
      await world.finish(placed.checkout);
      await expectSold(placed);
    });

    test("an operator's cancel meets an authorisation: let go for free", async () => {
      await world.webhooks({ mode: 'drop' });
      const placed = await order(world, 1);
      await world.pay(placed.checkout);
      await world.env.client.workflow.getHandle(`checkout-${placed.checkout.checkout_id}`).cancel();
      await expectFree(placed, 'canceled');
    });

    test('the authorisation expires before it is captured: nothing is sold, nothing charged', async () => {
      await world.webhooks({ mode: 'drop' });
      const placed = await order(world, 1);
      await world.pay(placed.checkout);
      await world.fault({
        operation: 'payment_intents.capture',
        match: { id: placed.checkout.payment_intent_id },
        meanwhile: { operation: 'expire_authorization', params: {} },
      });
      await world.finish(placed.checkout);
      await expectFree(placed, 'payment_failed');
      expect(await world.shop.read(placed.checkout)).toMatchObject({ failure_code: 'capture_failed' });
    });
  }

  test('a payment canceled in the dashboard ends the checkout', async () => {
    const placed = await order(world, 1);
    await world.stripe.paymentIntents.cancel(placed.checkout.payment_intent_id);
    await expectFree(placed, 'payment_failed');
    expect(await world.shop.read(placed.checkout)).toMatchObject({ failure_code: 'payment_intent_canceled' });
  });
});
