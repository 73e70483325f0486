// Troubles that last: nothing waits for ever behind one call, no history grows with the hours, and a person is told.
import { checkoutWorkflowId, settlementWorkflowId } from '../../contracts/ids';
import { askStripeSignal } from '../../contracts/messages';
import { createCheckoutRuns } from '../../worker/runs';
import { ageCheckout } from '../support/database';
import { order, type Placed } from '../support/orders';
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

const checkoutRun = ({ checkout_id: id }: CreateBody) =>
  world.env.client.workflow.getHandle(checkoutWorkflowId(id));
const settlementRun = ({ checkout_id: id }: CreateBody) =>
  world.env.client.workflow.getHandle(settlementWorkflowId(id));

const fail = (checkout: CreateBody, operation: string, status = 500) =>
  world.fault({
    operation,
    times: 100_000,
    effect: 'none',
    reply: { status },
    match: { id: checkout.payment_intent_id },
  });

describe('the payment cannot be read', () => {
  async function blindOrder(): Promise<Placed> {
    const placed = await order(world, 1);
    await fail(placed.checkout, 'payment_intents.retrieve');
    await checkoutRun(placed.checkout).signal(askStripeSignal);
    return placed;
  }

  test('the deadline is kept: the lease is renewed as long as nobody knows how the payment stands', async () => {
    const { checkout, stock, stockBefore } = await blindOrder();
    await world.env.sleep('6 minutes');
    await ageCheckout(world.pool, checkout.checkout_id, 300 + 601);
    await world.env.sleep('3 minutes');
    await world.pool.query('select cleanup_expired_reservations()');
    expect(await stock()).toBe(stockBefore - 1);

    await clearFaults();
    await world.finish(checkout);
    expect((await world.shop.read(checkout)).status).toBe('expired');
    expect((await world.payment(checkout)).status).toBe('canceled');
    expect(await stock()).toBe(stockBefore);
  });

  test('a success that needs no reading is confirmed all the same', async () => {
    const { checkout } = await blindOrder();
    expect((await world.pay(checkout)).body.status).toBe('succeeded');
    await world.finish(checkout);
    expect((await world.shop.read(checkout)).status).toBe('confirmed');
  });
});

test('a settlement that finds no end for a day stays short, and ends by itself', async () => {
  const { checkout } = await order(world, 1);
  await checkoutRun(checkout).terminate('test');
  await fail(checkout, 'payment_intents.cancel');
  await world.pool.query(`select release_checkout($1, 'expired', 'payment_unresolved', '{}')`, [
    checkout.checkout_id,
  ]);
  await createCheckoutRuns(world.env.client).startSettlement(checkout.checkout_id);
  await world.env.sleep('24 hours');
  expect((await settlementRun(checkout).describe()).historyLength).toBeLessThan(500);

  await clearFaults();
  await settlementRun(checkout).result();
  expect((await world.payment(checkout)).status).toBe('canceled');
});

test('a settlement takes over the cancel of a run that died of it, without calling a person', async () => {
  const { checkout } = await order(world, 1);
  await world.fault({
    operation: 'payment_intents.cancel',
    times: 1,
    reply: { status: 500 },
    effect: 'none',
    latency_after_ms: 60_000,
    match: { id: checkout.payment_intent_id },
  });
  expect(await world.shop.cancel(checkout)).toBe(202);
  await until('the cancel to be under way', async () => {
    const { pendingActivities } = (await checkoutRun(checkout).describe()).raw;
    return (pendingActivities ?? []).length > 0;
  });
  await checkoutRun(checkout).terminate('test');
  expect(await world.shop.cancel(checkout)).toBe(202);
  await world.reach(checkout, 'canceled');
  expect(await world.incidents(checkout)).toEqual([]);
});
