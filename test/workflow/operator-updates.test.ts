// What an operator may tell a running checkout: end the payment, or give the buyer more time.
import { randomUUID } from 'node:crypto';

import { checkoutWorkflowId } from '../../contracts/ids';
import { askStripeSignal, cancelByOperatorUpdate, extendUpdate, reportQuery } from '../../contracts/messages';
import { order, type Placed } from '../support/orders';
import { until } from '../support/until';
import { World, type WorldOptions } from '../support/world';

let world: World;
const useWorld = (options: WorldOptions) => {
  beforeAll(async () => {
    world = await World.open(options);
  });
  afterEach(async () => {
    await fetch(`${world.simulatorUrl}/_simulator/faults`, { method: 'DELETE' });
    await world.webhooks({ mode: 'deliver' });
    expect(await world.brokenInvariants()).toEqual([]);
  });
  afterAll(() => world?.close());
};

const run = ({ checkout }: Placed) =>
  world.env.client.workflow.getHandle(checkoutWorkflowId(checkout.checkout_id));

const cancel = (placed: Placed) =>
  run(placed).executeUpdate(cancelByOperatorUpdate, { updateId: randomUUID() });

const extend = (placed: Placed, seconds: number, key: string = randomUUID()) =>
  run(placed).executeUpdate(extendUpdate, { updateId: key, args: [{ requestKey: key, seconds }] });

const expectUnpaid = async (placed: Placed, status: string) => {
  await world.finish(placed.checkout);
  expect((await world.shop.read(placed.checkout)).status).toBe(status);
  expect(await placed.stock()).toBe(placed.stockBefore);
  expect(await world.payment(placed.checkout)).toMatchObject({ status: 'canceled', captured: 0 });
};

const phaseOf = async (placed: Placed) => (await run(placed).query(reportQuery)).phase;

const reachPhase = (placed: Placed, phase: string) =>
  until(`the run to be: ${phase}`, async () => (await phaseOf(placed)).startsWith(phase));

const secondsToLease = async ({ checkout }: Placed) => {
  const { rows } = await world.pool.query<{ seconds: number }>(
    `select extract(epoch from min(reclaim_after) - min(c.expires_at))::int as seconds
     from inventory_reservations r join checkouts c on c.id = r.checkout_id where c.id = $1`,
    [checkout.checkout_id],
  );
  return rows[0]?.seconds;
};

describe('automatic capture', () => {
  useWorld({ paymentMethodTypes: ['card', 'us_bank_account'] });

  test('an operator cancels a checkout that waits: payment ended, units back', async () => {
    const placed = await order(world, 2);
    expect(await cancel(placed)).toEqual({ outcome: 'accepted' });
    await expectUnpaid(placed, 'canceled');
  });

  test('paid before the cancel, and nobody has told us yet: it is an order', async () => {
    const placed = await order(world, 2);
    await world.webhooks({ mode: 'hold' });
    await world.pay(placed.checkout);
    expect(await cancel(placed)).toEqual({ outcome: 'accepted' });
    await world.reach(placed.checkout, 'confirmed');
    expect(await placed.stock()).toBe(placed.stockBefore - 2);
    await world.webhooks({ mode: 'deliver' });
    await world.control('webhooks/flush');
  });

  test('a payment that is being processed is canceled, although its event came first', async () => {
    const placed = await order(world, 2);
    await world.pay(placed.checkout, 'pm_usBankAccount_success');
    await world.reach(placed.checkout, 'payment_processing');
    await world.control('settings', { processing_cancel: 'allow' });
    expect(await cancel(placed)).toEqual({ outcome: 'accepted' });
    await expectUnpaid(placed, 'canceled');
    await world.control('settings', { processing_cancel: 'refuse' });
  });

  test('also when the deadline has passed over it, and Stripe refuses at first', async () => {
    const placed = await order(world, 2);
    await world.pay(placed.checkout, 'pm_usBankAccount_success');
    await world.reach(placed.checkout, 'payment_processing');
    await world.env.sleep('10 minutes');
    await reachPhase(placed, 'ending the payment');
    expect(await extend(placed, 60)).toEqual({ outcome: 'refused', refusal: 'compensation_began' });
    expect(await cancel(placed)).toEqual({ outcome: 'accepted' });
    await world.control('settings', { processing_cancel: 'allow' });
    await expectUnpaid(placed, 'canceled');
    await world.control('settings', { processing_cancel: 'refuse' });
  });

  test('more time: the deadline, the lease and the timer move together', async () => {
    const placed = await order(world, 2);
    const lease = await secondsToLease(placed);
    expect(await extend(placed, 240)).toEqual({ outcome: 'extended' });
    const { expires_at: before } = placed.checkout;
    const { rows } = await world.pool.query<{ moved: number }>(
      'select extract(epoch from expires_at - $2)::float as moved from checkouts where id = $1',
      [placed.checkout.checkout_id, before],
    );
    expect(rows[0]?.moved).toBeCloseTo(240, 1);
    expect(await secondsToLease(placed)).toBe(lease);
    await world.env.sleep('8 minutes');
    expect(await phaseOf(placed)).toContain('waiting');
    await world.env.sleep('70 seconds');
    await expectUnpaid(placed, 'expired');
  });

  test('an extension whose reply is lost, and one that is asked twice, count once', async () => {
    const placed = await order(world, 2);
    const key = randomUUID();
    const isLost = world.loseReplyOf('extend_checkout');
    expect(await extend(placed, 300, key)).toEqual({ outcome: 'extended' });
    expect(isLost()).toBe(true);
    expect(await extend(placed, 300, key)).toEqual({ outcome: 'extended' });
    expect(await extend(placed, 301)).toEqual({ outcome: 'refused', refusal: 'extension_too_long' });
    expect(await extend(placed, 300)).toEqual({ outcome: 'extended' });
    await world.env.sleep('14 minutes');
    expect(await phaseOf(placed)).toContain('waiting');
    expect((await world.pay(placed.checkout)).status).toBe(200);
    await world.reach(placed.checkout, 'confirmed');
  });

  test('asked for while news is judged that ends the window: refused, and nobody is kept waiting', async () => {
    const placed = await order(world, 2);
    await world.webhooks({ mode: 'hold' });
    await world.fault({
      operation: 'payment_intents.retrieve',
      effect: 'executed',
      times: 1,
      latency_ms: 1_500,
      match: { id: placed.checkout.payment_intent_id },
    });
    await run(placed).signal(askStripeSignal);
    await world.pay(placed.checkout);
    expect(await extend(placed, 60)).toEqual({ outcome: 'refused', refusal: 'payment_won' });
    await world.reach(placed.checkout, 'confirmed');
    await world.webhooks({ mode: 'deliver' });
    await world.control('webhooks/flush');
  });

  test('refused when the database says that the time is over, and when an order stands', async () => {
    const placed = await order(world, 2);
    await world.pool.query(
      `update checkouts set expires_at = clock_timestamp() - interval '1 second' where id = $1`,
      [placed.checkout.checkout_id],
    );
    expect(await extend(placed, 60)).toEqual({ outcome: 'refused', refusal: 'deadline_passed' });
    expect((await world.pay(placed.checkout)).status).toBe(200);
    await world.reach(placed.checkout, 'confirmed');
  });
});

describe('manual capture', () => {
  useWorld({ policy: { captureMethod: 'manual' } });

  test('an authorisation that nobody has told us of is let go', async () => {
    const placed = await order(world, 2);
    await world.webhooks({ mode: 'hold' });
    expect((await world.pay(placed.checkout)).body.status).toBe('requires_capture');
    expect(await cancel(placed)).toEqual({ outcome: 'accepted' });
    await expectUnpaid(placed, 'canceled');
    await world.webhooks({ mode: 'deliver' });
    await world.control('webhooks/flush');
  });

  test('refused while the money is being taken, as is more time', async () => {
    const placed = await order(world, 2);
    await world.fault({
      operation: 'payment_intents.capture',
      effect: 'none',
      reply: { status: 429, code: 'lock_timeout' },
      times: 2,
    });
    await world.pay(placed.checkout);
    await reachPhase(placed, 'authorised');
    expect(await cancel(placed)).toEqual({ outcome: 'refused', refusal: 'payment_won' });
    expect(await extend(placed, 60)).toEqual({ outcome: 'refused', refusal: 'payment_won' });
    await world.reach(placed.checkout, 'confirmed');
  });
});
