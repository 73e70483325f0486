// The inbox drives itself: an event that was stored and never handed on still has its effect, once.
import { MAIN_TASK_QUEUE } from '../../contracts/messages';
import { storeEvent } from '../../db/inbox';
import { order } from '../support/orders';
import type { CreateBody } from '../support/shop';
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
async function storeUnforwarded(checkout: CreateBody, eventId: string): Promise<void> {
  const event = {
    eventId,
    type: 'payment_intent.succeeded' as const,
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
