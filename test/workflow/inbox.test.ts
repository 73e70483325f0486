// The inbox drives itself: an event that was stored and never handed on still has its effect, once.
import { askStripeSignal, MAIN_TASK_QUEUE } from '../../contracts/messages';
import type { SignalledEventType } from '../../contracts/payment-events';
import { storeEvent } from '../../db/inbox';
import { order } from '../support/orders';
import type { CreateBody } from '../support/shop';
import { until } from '../support/until';
import { World } from '../support/world';

let world: World;

beforeAll(async () => {
  world = await World.open();
});
afterEach(async () => {
  expect(await world.brokenInvariants()).toEqual([]);
});
afterAll(() => world?.close());

/** As the API leaves an event when it dies, or Temporal is away, after storing and before handing on; two minutes ago. */
async function storeUnforwarded(
  checkout: CreateBody,
  eventId: string,
  type: SignalledEventType = 'payment_intent.succeeded',
): Promise<void> {
  const event = {
    eventId,
    type,
    paymentIntentId: checkout.payment_intent_id,
  };
  await storeEvent(world.pool, {
    ...event,
    livemode: false,
    createdUnixSeconds: Math.floor(Date.now() / 1000),
    checkoutId: checkout.checkout_id,
    payload: {},
    signal: {
      ...event,
      currency: checkout.currency,
      amountReceivedMinor: checkout.amount,
      amountCapturableMinor: 0,
      attempt: null,
    },
    outcome: null,
    reason: null,
  });
  await age(eventId);
}

const age = (eventId: string) =>
  world.pool.query(
    `update webhook_events set received_at = received_at - interval '2 minutes', driven_at = driven_at - interval '2 minutes'
     where event_id = $1`,
    [eventId],
  );

let sweeps = 0;
const sweep = async () => {
  sweeps += 1;
  return world.env.client.workflow.execute('inbox_sweep', {
    workflowId: `sweep-${sweeps}`,
    taskQueue: MAIN_TASK_QUEUE,
  });
};

test('an event that never reached its checkout is handed on, and the paid checkout is confirmed', async () => {
  await world.webhooks({ mode: 'drop' });
  const { checkout } = await order(world, 1);
  expect((await world.pay(checkout)).body.status).toBe('succeeded');
  await storeUnforwarded(checkout, 'evt_never_forwarded');
  expect(await sweep()).toEqual({ driven: 1, quarantined: 0 });
  await world.reach(checkout, 'confirmed');
  expect(await sweep()).toEqual({ driven: 0, quarantined: 0 });
});

test('an event for a checkout whose run is gone goes to settlement', async () => {
  await world.webhooks({ mode: 'drop' });
  const { checkout } = await order(world, 1);
  await world.env.client.workflow.getHandle(`checkout-${checkout.checkout_id}`).terminate('test');
  expect((await world.pay(checkout)).body.status).toBe('succeeded');
  await storeUnforwarded(checkout, 'evt_for_nobody');
  expect(await sweep()).toEqual({ driven: 1, quarantined: 0 });
  await world.reach(checkout, 'confirmed');
});

describe('a run that ends hands on what never reached it, and no sweep is needed', () => {
  const untilJudged = (eventId: string) =>
    until('the event to be judged', async () => {
      const { rows } = await world.pool.query(
        'select 1 from webhook_events where event_id = $1 and outcome is not null',
        [eventId],
      );
      return rows.length === 1;
    });

  beforeEach(() => world.webhooks({ mode: 'drop' }));

  test('paid, and Stripe was asked: one order, one charge', async () => {
    const { checkout, stock, stockBefore } = await order(world, 1);
    await world.pay(checkout);
    await storeUnforwarded(checkout, 'evt_unheard_success');
    await world.env.client.workflow.getHandle(`checkout-${checkout.checkout_id}`).signal(askStripeSignal);
    await world.reach(checkout, 'confirmed');
    await untilJudged('evt_unheard_success');
    expect(await world.payment(checkout)).toMatchObject({ captured: checkout.amount, refunded: 0 });
    expect(await stock()).toBe(stockBefore - 1);
  });

  test('given up: released once, and nothing was charged', async () => {
    const { checkout, stock, stockBefore } = await order(world, 1);
    await storeUnforwarded(checkout, 'evt_unheard_processing', 'payment_intent.processing');
    await world.shop.cancel(checkout);
    await world.reach(checkout, 'canceled');
    await untilJudged('evt_unheard_processing');
    expect(await world.payment(checkout)).toMatchObject({ status: 'canceled', captured: 0 });
    expect(await stock()).toBe(stockBefore);
  });
});
