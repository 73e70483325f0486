// `SETTLEMENT=paused`: nothing is decided about money or stock while it lasts, nothing is lost, and afterwards everything
// goes on by itself.
import { randomUUID } from 'node:crypto';

import { CAPTURE_METHODS } from '../../contracts/checkout';
import { checkoutWorkflowId } from '../../contracts/ids';
import {
  askStripeSignal,
  INBOX_SWEEP_WORKFLOW_TYPE,
  MAIN_TASK_QUEUE,
  RECONCILE_WORKFLOW_TYPE,
} from '../../contracts/messages';
import { ageCheckout } from '../support/database';
import { loseLease, order, takeAll, type Placed } from '../support/orders';
import { reachOrder, refundOrder, sell, stripeRefunds } from '../support/refunds';
import { until } from '../support/until';
import { World } from '../support/world';

const AUTHORISED = { automatic: 'succeeded', manual: 'requires_capture' } as const;

describe.each(CAPTURE_METHODS)('%s capture', (captureMethod) => {
  let world: World;

  beforeAll(async () => {
    world = await World.open({ policy: { captureMethod } });
  });
  beforeEach(() => void (world.settlement = () => 'on'));
  afterEach(async () => {
    await fetch(`${world.simulatorUrl}/_simulator/faults`, { method: 'DELETE' });
    expect(await world.brokenInvariants()).toEqual([]);
  });
  afterAll(() => world?.close());

  const pause = () => void (world.settlement = () => 'paused');
  const turnOn = () => void (world.settlement = () => 'on');

  async function untilPaused({ checkout }: Placed, asks = 1): Promise<void> {
    await until(
      'the run to hear that it must wait',
      async () => (await asksOf(checkout.checkout_id)) >= asks,
    );
  }

  /** How often the run has gone to sleep over a pause: its first timer is the payment window. */
  async function asksOf(checkoutId: string): Promise<number> {
    const { events } = await world.env.client.workflow
      .getHandle(checkoutWorkflowId(checkoutId))
      .fetchHistory();
    return (events ?? []).filter((event) => event.timerStartedEventAttributes != null).length - 1;
  }

  async function cleanUp(): Promise<void> {
    await world.pool.query('select cleanup_expired_reservations()');
  }

  test('a paid buyer keeps the units for as long as it lasts, and gets the order afterwards', async () => {
    const placed = await order(world, 2);
    const { checkout, stock, stockBefore } = placed;
    pause();
    expect((await world.pay(checkout)).body.status).toBe(AUTHORISED[captureMethod]);
    await untilPaused(placed);
    // Past the deadline, past every lease, past HOLD_MAX_SECONDS: the next ask renews the lease all the same.
    await ageCheckout(world.pool, checkout.checkout_id, 300 + 86_401);
    await world.env.sleep('6 minutes');
    await cleanUp();
    expect(await stock()).toBe(stockBefore - 2);
    expect(await world.shop.read(checkout)).toMatchObject({ status: 'awaiting_payment', failure_code: null });
    expect((await world.payment(checkout)).status).toBe(AUTHORISED[captureMethod]);
    expect(await world.incidents(checkout)).toEqual([]);

    turnOn();
    await world.finish(checkout);
    expect((await world.shop.read(checkout)).status).toBe('confirmed');
    expect(await world.payment(checkout)).toMatchObject({ captured: checkout.amount, refunded: 0 });
    expect(await stock()).toBe(stockBefore - 2);
  });

  test('nobody paid: nothing is ended or given back before it is turned on, and the buyer is told the truth', async () => {
    const { checkout, stock, stockBefore } = await order(world, 1);
    pause();
    await ageCheckout(world.pool, checkout.checkout_id, 300 + 86_401);
    await world.env.sleep('10 minutes');
    await cleanUp();
    expect(await stock()).toBe(stockBefore - 1);
    expect((await world.payment(checkout)).status).toBe('requires_payment_method');
    expect(await world.shop.read(checkout)).toMatchObject({
      status: 'awaiting_payment',
      is_payable: false,
      message: expect.stringMatching(/time to pay is over/),
    });

    turnOn();
    await world.finish(checkout);
    expect((await world.shop.read(checkout)).status).toBe('expired');
    expect((await world.payment(checkout)).status).toBe('canceled');
    expect(await stock()).toBe(stockBefore);
  });

  test('who pays late, because nothing was ended, gets the units', async () => {
    const { checkout, stock, stockBefore } = await order(world, 1);
    pause();
    await ageCheckout(world.pool, checkout.checkout_id, 301);
    await world.env.sleep('7 minutes');
    expect((await world.pay(checkout)).body.status).toBe(AUTHORISED[captureMethod]);
    turnOn();
    await world.finish(checkout);
    expect((await world.shop.read(checkout)).status).toBe('confirmed');
    expect(await stock()).toBe(stockBefore - 1);
  });

  test('the inbox calls nobody for an event that cannot be judged now', async () => {
    const placed = await order(world, 1);
    pause();
    await world.pay(placed.checkout);
    await untilPaused(placed);
    for (let sweep = 0; sweep < 12; sweep += 1) {
      await world.pool.query(
        `update webhook_events
         set received_at = received_at - interval '2 min', driven_at = driven_at - interval '2 min'`,
      );
      await world.env.client.workflow.execute(INBOX_SWEEP_WORKFLOW_TYPE, {
        workflowId: `sweep-${randomUUID()}`,
        taskQueue: MAIN_TASK_QUEUE,
      });
    }
    expect(await world.incidents(placed.checkout)).toEqual([]);
    turnOn();
    await world.finish(placed.checkout);
    expect((await world.shop.read(placed.checkout)).status).toBe('confirmed');
  });

  test('a PaymentIntent that nobody was ever given is left alone until then', async () => {
    const { id } = await world.stripe.paymentIntents.create({
      amount: 2_500,
      currency: 'usd',
      metadata: { holdfast_env: world.database.holdfastEnv, checkout_id: randomUUID() },
    });
    const reconcile = () =>
      world.env.client.workflow.execute(RECONCILE_WORKFLOW_TYPE, {
        workflowId: `reconcile-${randomUUID()}`,
        taskQueue: MAIN_TASK_QUEUE,
        args: [{ listedAgeSeconds: -60 }],
      });
    pause();
    await reconcile();
    expect((await world.stripe.paymentIntents.retrieve(id)).status).toBe('requires_payment_method');
    turnOn();
    await reconcile();
    expect((await world.stripe.paymentIntents.retrieve(id)).status).toBe('canceled');
  });

  test('a cancel waits, and is done', async () => {
    const placed = await order(world, 1);
    pause();
    expect(await world.shop.cancel(placed.checkout)).toBe(202);
    await untilPaused(placed);
    expect(await placed.stock()).toBe(placed.stockBefore - 1);
    turnOn();
    await world.finish(placed.checkout);
    expect((await world.shop.read(placed.checkout)).status).toBe('canceled');
    expect(await placed.stock()).toBe(placed.stockBefore);
  });

  test('an hour of it is less than 500 events of history', async () => {
    const placed = await order(world, 1);
    pause();
    await world.pay(placed.checkout);
    await untilPaused(placed);
    await world.env.sleep('1 hour');
    const { events } = await world.env.client.workflow
      .getHandle(checkoutWorkflowId(placed.checkout.checkout_id))
      .fetchHistory();
    expect(await asksOf(placed.checkout.checkout_id)).toBeGreaterThanOrEqual(12);
    expect(events?.length).toBeLessThan(250);
    turnOn();
    await world.finish(placed.checkout);
    expect((await world.shop.read(placed.checkout)).status).toBe('confirmed');
  });

  test('a checkout that cannot be opened is refused all the same: no payment is involved', async () => {
    const { productId, stock, stockBefore } = await order(world, 1);
    pause();
    await world.fault({
      operation: 'payment_intents.create',
      times: 1,
      effect: 'none',
      reply: { status: 402 },
    });
    const refused = await world.shop.create([{ drop_product_id: productId, quantity: 1 }]);
    expect(refused).toMatchObject({ status: 503, body: { code: 'payment_provider_unavailable' } });
    expect(await stock()).toBe(stockBefore - 1);
  });

  if (captureMethod === 'manual') {
    test('units that were lost all the same are not charged for', async () => {
      const placed = await order(world, 1);
      const { checkout, productId, stockBefore } = placed;
      pause();
      // Without the event in the inbox, which would keep the units as well.
      await world.webhooks({ mode: 'drop' });
      expect((await world.pay(checkout)).body.status).toBe('requires_capture');
      await world.env.client.workflow
        .getHandle(checkoutWorkflowId(checkout.checkout_id))
        .signal(askStripeSignal);
      await untilPaused(placed);
      await loseLease(world, placed);
      await world.shop.open([{ drop_product_id: productId, quantity: stockBefore }]);
      turnOn();
      await world.finish(checkout);
      expect(await world.shop.read(checkout)).toMatchObject({
        status: 'canceled',
        failure_code: 'sold_out_before_capture',
      });
      expect(await world.payment(checkout)).toMatchObject({ status: 'canceled', captured: 0, refunded: 0 });
      await world.webhooks({ mode: 'deliver' });
    });
  } else {
    test('refunds wait, an operator’s as well as one for lost units, and each is then made once', async () => {
      const sold = await sell(world);
      const lost = await order(world, 1);
      await loseLease(world, lost);
      await takeAll(world, lost);
      pause();
      expect((await world.pay(lost.checkout)).body.status).toBe('succeeded');
      expect(await refundOrder(world, sold)).toMatchObject({ outcome: 'decided' });
      await world.env.sleep('20 minutes');
      expect(await world.shop.read(lost.checkout)).toMatchObject({ status: 'awaiting_payment' });
      for (const placed of [sold, lost]) expect(await stripeRefunds(world, placed)).toEqual([]);

      turnOn();
      await world.env.sleep('6 minutes');
      await world.reach(lost.checkout, 'refunded');
      await reachOrder(world, sold, 'refunded');
      for (const placed of [sold, lost]) expect(await stripeRefunds(world, placed)).toHaveLength(1);
    });
  }
});
