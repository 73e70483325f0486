// Stripe out of reach from four minutes before the deadline until ten minutes after: nothing is released without proof, buyers are
// told what is known, and every checkout ends by itself afterwards.
import { CAPTURE_METHODS } from '../../contracts/checkout';
import { checkoutWorkflowId } from '../../contracts/ids';
import { ageCheckout } from '../support/database';
import { order, type Placed } from '../support/orders';
import { World } from '../support/world';

/** What we call for a checkout that is open. The buyer's browser has its own way to Stripe. */
const OUR_CALLS = ['retrieve', 'cancel', 'capture', 'list'];

/** To the SDK the same error as a connection that breaks, which it repeats by itself after half a second of real time. */
const NO_REPLY = 'truncate';

describe.each(CAPTURE_METHODS)('%s capture', (captureMethod) => {
  let world: World;

  beforeAll(async () => {
    world = await World.open({ policy: { captureMethod } });
  });
  afterAll(() => world?.close());

  const runOf = ({ checkout }: Placed) =>
    world.env.client.workflow.getHandle(checkoutWorkflowId(checkout.checkout_id));

  const seen = async ({ checkout, stock }: Placed) => {
    const { status, seconds_left: secondsLeft, order_id: orderId } = await world.shop.read(checkout);
    return { status, secondsLeft, orderId, stock: await stock() };
  };

  const pay = async ({ checkout }: Placed) =>
    expect((await world.pay(checkout)).body.status).toMatch(/^(succeeded|requires_capture)$/);

  const payAndGiveUp = async (placed: Placed) => {
    await pay(placed);
    expect(await world.shop.cancel(placed.checkout)).toBe(202);
  };

  /** Temporal's clock and the database's, which are two. */
  async function pass({ checkout }: Placed, minutes: number) {
    await ageCheckout(world.pool, checkout.checkout_id, minutes * 60);
    await world.env.sleep(`${minutes} minutes`);
  }

  const unreachable = async ({ checkout }: Placed) => {
    for (const call of OUR_CALLS) {
      const match = { id: checkout.payment_intent_id };
      const operation = `payment_intents.${call}`;
      await world.fault({ operation, match, times: 1_000_000, effect: 'none', reply: NO_REPLY });
    }
  };

  const nothing = () => Promise.resolve();
  const challenge = async ({ checkout }: Placed) =>
    expect((await world.pay(checkout, 'pm_card_threeDSecure2Required')).body.status).toBe('requires_action');
  const giveUp = async ({ checkout }: Placed) => expect(await world.shop.cancel(checkout)).toBe(202);

  test.each([
    ['nobody pays', nothing, nothing, 'expired'],
    ['the buyer stands before 3D Secure', challenge, nothing, 'expired'],
    ['the shopper gives up meanwhile', nothing, giveUp, 'canceled'],
    ['the buyer has paid before, and the event is lost', pay, nothing, 'confirmed'],
    ['the buyer pays meanwhile, and the event is lost', nothing, pay, 'confirmed'],
    ['the buyer pays meanwhile, and the shopper gives up', nothing, payAndGiveUp, 'confirmed'],
  ] as const)('%s', async (_name, before, meanwhile, end) => {
    await world.webhooks({ mode: 'drop' });
    const placed = await order(world, 1);
    const { checkout } = placed;
    await pass(placed, 1);
    await before(placed);
    await unreachable(placed);
    await pass(placed, 2);
    await meanwhile(placed);
    expect(await seen(placed)).toMatchObject({ status: 'awaiting_payment', orderId: null, stock: 9 });

    await pass(placed, 12);
    await world.pool.query('select cleanup_expired_reservations()');
    expect(await seen(placed)).toEqual({
      status: 'awaiting_payment',
      orderId: null,
      secondsLeft: 0,
      stock: 9,
    });
    expect((await runOf(placed).describe()).historyLength).toBeLessThan(500);

    await fetch(`${world.simulatorUrl}/_simulator/faults`, { method: 'DELETE' });
    await world.finish(checkout);
    const isSold = end === 'confirmed';
    const orderId = isSold ? expect.any(String) : null;
    expect(await seen(placed)).toEqual({ status: end, orderId, secondsLeft: 0, stock: isSold ? 9 : 10 });
    expect(await world.payment(checkout)).toMatchObject({
      status: isSold ? 'succeeded' : 'canceled',
      captured: isSold ? checkout.amount : 0,
      refunded: 0,
    });
    expect(await world.brokenInvariants()).toEqual([]);
  });
});
