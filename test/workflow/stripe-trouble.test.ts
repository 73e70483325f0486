// Stripe at its worst, short of being away: news made twice or never, signatures that do not fit, limits and locks.
import { readLedger } from '../support/ledger';
import { order } from '../support/orders';
import { until } from '../support/until';
import { World } from '../support/world';

/** One second of the limiter is one real second, so this many buyers take about as many seconds. */
const BUYERS = 3;

let world: World;

beforeAll(async () => {
  world = await World.open();
});
afterEach(async () => {
  for (const rules of ['faults', 'event_rules']) {
    await fetch(`${world.simulatorUrl}/_simulator/${rules}`, { method: 'DELETE' });
  }
  await world.webhooks({ mode: 'deliver' });
  await world.control('settings', { requests_per_second_per_endpoint: 0, object_locks: 'off' });
  expect(await world.brokenInvariants()).toEqual([]);
});
afterAll(() => world?.close());

async function eventsOf(paymentIntentId: string, type: string): Promise<{ outcome: string | null }[]> {
  const { rows } = await world.pool.query<{ outcome: string | null }>(
    'select outcome from webhook_events where payment_intent_id = $1 and type = $2',
    [paymentIntentId, type],
  );
  return rows;
}

async function callsTo(operation: string): Promise<{ path: string; status: number | null }[]> {
  const response = await fetch(`${world.simulatorUrl}/_simulator/requests?operation=${operation}`);
  return ((await response.json()) as { requests: { path: string; status: number | null }[] }).requests;
}

test('two Event objects for one success: one order, one payment, and both are judged', async () => {
  const { checkout, stock, stockBefore } = await order(world, 1);
  const { payment_intent_id: id } = checkout;
  await world.control('event_rules', {
    type: 'payment_intent.succeeded',
    generate: 'twice',
    match: { id },
  });
  await world.pay(checkout);
  await world.reach(checkout, 'confirmed');
  await until('both to be judged', async () => {
    const rows = await eventsOf(id, 'payment_intent.succeeded');
    return rows.length === 2 && rows.every(({ outcome }) => outcome !== null);
  });
  expect(await world.payment(checkout)).toMatchObject({ captured: checkout.amount, refunded: 0 });
  expect(await stock()).toBe(stockBefore - 1);
});

test('two Event objects for one decline are one attempt', async () => {
  const { checkout, stock, stockBefore } = await order(world, 1);
  const { payment_intent_id: id } = checkout;
  await world.control('event_rules', {
    type: 'payment_intent.payment_failed',
    generate: 'twice',
    times: 2,
    match: { id },
  });
  for (const attempts of [1, 2]) {
    await world.pay(checkout, 'pm_card_visa_chargeDeclined');
    await until('both events', async () => {
      const rows = await eventsOf(id, 'payment_intent.payment_failed');
      return rows.length === 2 * attempts;
    });
    await until('one attempt', async () => (await world.shop.read(checkout)).attempts === attempts);
  }
  await world.pay(checkout);
  expect(await world.reach(checkout, 'confirmed')).toMatchObject({ attempts: 2 });
  expect(await stock()).toBe(stockBefore - 1);
});

test('an event that is never made: the payment is found at the deadline', async () => {
  const { checkout, stock, stockBefore } = await order(world, 1);
  await world.control('event_rules', {
    generate: 'never',
    times: 100,
    match: { id: checkout.payment_intent_id },
  });
  await world.pay(checkout);
  await world.finish(checkout);
  expect((await world.shop.read(checkout)).status).toBe('confirmed');
  expect(await eventsOf(checkout.payment_intent_id, 'payment_intent.succeeded')).toEqual([]);
  expect(await stock()).toBe(stockBefore - 1);
});

test.each(['wrong', 'stale', 'future', 'missing'])(
  'a webhook whose signature is %s changes nothing; the same event, signed again, confirms',
  async (signature) => {
    const { checkout } = await order(world, 1);
    const id = checkout.payment_intent_id;
    await world.webhooks({ mode: 'deliver', signature });
    await world.pay(checkout);
    const tried = async () => {
      const response = await fetch(
        `${world.simulatorUrl}/_simulator/deliveries?payment_intent=${id}&type=payment_intent.succeeded`,
      );
      return ((await response.json()) as { deliveries: { status: number }[] }).deliveries;
    };
    await until('a refused delivery', async () => (await tried()).length > 0);
    expect(new Set((await tried()).map(({ status }) => status))).toEqual(new Set([400]));
    expect(await eventsOf(id, 'payment_intent.succeeded')).toEqual([]);
    expect((await world.shop.read(checkout)).status).toBe('awaiting_payment');
    await world.webhooks({ mode: 'deliver' });
    await world.control('clock', { advance_seconds: 600 });
    await world.reach(checkout, 'confirmed');
  },
);

test('Stripe limits the rate of creates: every buyer still gets one PaymentIntent', async () => {
  await world.control('settings', { requests_per_second_per_endpoint: 1 });
  const placed = await Promise.all(Array.from({ length: BUYERS }, () => order(world, 1)));
  await world.control('settings', { requests_per_second_per_endpoint: 0 });
  const creates = await callsTo('payment_intents.create');
  expect(creates.filter(({ status }) => status === 429).length).toBeGreaterThan(0);
  const { payment_intents: payments } = await readLedger(world.simulatorUrl);
  for (const { checkout } of placed) {
    const own = payments.filter(({ metadata }) => metadata['checkout_id'] === checkout.checkout_id);
    expect(own.map(({ id }) => id)).toEqual([checkout.payment_intent_id]);
    // The limit also held back reading the client_secret, so the answer to the buyer may have come without it.
    await world.stripe.paymentIntents.confirm(checkout.payment_intent_id, { payment_method: 'pm_card_visa' });
    await world.reach(checkout, 'confirmed');
  }
});

test('Stripe locks the PaymentIntent while the buyer pays: the cancel waits, and the payment wins', async () => {
  const { checkout, stock, stockBefore } = await order(world, 1);
  const { payment_intent_id: id } = checkout;
  await world.control('settings', { object_locks: 'on' });
  await world.fault({
    operation: 'payment_intents.confirm',
    times: 1,
    effect: 'executed',
    latency_ms: 4_000,
    match: { id },
  });
  const paying = world.pay(checkout);
  await until('the buyer’s call', async () => {
    const response = await fetch(`${world.simulatorUrl}/_simulator/faults`);
    return ((await response.json()) as { faults: { applied: number }[] }).faults[0]?.applied === 1;
  });
  expect(await world.shop.cancel(checkout)).toBe(202);
  expect((await paying).body.status).toBe('succeeded');
  await world.reach(checkout, 'confirmed');
  const requests = await callsTo('payment_intents.cancel');
  const cancels = requests.filter(({ path }) => path.includes(id)).map(({ status }) => status);
  expect(cancels).toContain(429);
  expect(cancels).not.toContain(200);
  expect(await world.payment(checkout)).toMatchObject({ captured: checkout.amount, refunded: 0 });
  expect(await stock()).toBe(stockBefore - 1);
});
