// Races and lost replies: what Stripe says decides, once, whatever order the news came in.
import { readLedger } from '../support/ledger';
import { addProduct, order } from '../support/orders';
import { until } from '../support/until';
import { World } from '../support/world';

let world: World;

beforeAll(async () => {
  world = await World.open();
});
afterEach(async () => {
  await fetch(`${world.simulatorUrl}/_simulator/faults`, { method: 'DELETE' });
  await world.webhooks({ mode: 'deliver' });
  expect(await world.brokenInvariants()).toEqual([]);
});
afterAll(() => world?.close());

/** The SDK repeats a call once by itself when a connection breaks, so one drop would not be seen. */
const DROPS = 2;

const paymentsOf = async (checkoutId: string) =>
  (await readLedger(world.simulatorUrl)).payment_intents.filter(
    (payment) => payment.metadata['checkout_id'] === checkoutId,
  );

test('the payment lands while the cancel is on its way: confirmed, no refund', async () => {
  const { checkout, stock, stockBefore } = await order(world, 1);
  await world.fault({
    operation: 'payment_intents.cancel',
    times: 1,
    match: { id: checkout.payment_intent_id },
    meanwhile: { operation: 'payment_intents.confirm', params: { payment_method: 'pm_card_visa' } },
  });
  expect(await world.shop.cancel(checkout)).toBe(202);
  await world.reach(checkout, 'confirmed');
  expect(await world.payment(checkout)).toMatchObject({ captured: checkout.amount, refunded: 0 });
  expect(await stock()).toBe(stockBefore - 1);
});

test.each([
  ['is lost after Stripe executed it', { effect: 'executed', reply: 'drop', times: DROPS }],
  ['is torn', { effect: 'executed', reply: 'truncate' }],
  ['is lost before Stripe executed it', { effect: 'none', reply: 'drop', times: DROPS }],
  ['is a 429', { effect: 'none', reply: { status: 429, code: 'lock_timeout' } }],
  ['is a 409', { effect: 'none', reply: { status: 409, code: 'idempotency_key_in_use' } }],
  ['is a stored 500, and it exists', { effect: 'executed', reply: { status: 500 } }],
  ['is a stored 500, and it does not exist', { effect: 'none', reply: { status: 500 } }],
])('the reply to the create %s: one PaymentIntent, payable', async (_name, fault) => {
  await world.fault({ operation: 'payment_intents.create', ...fault });
  const { checkout } = await order(world, 1);
  expect(await paymentsOf(checkout.checkout_id)).toHaveLength(1);
  expect((await world.pay(checkout)).body.status).toBe('succeeded');
  await world.reach(checkout, 'confirmed');
});

test.each([
  ['is lost after Stripe executed it', { effect: 'executed', reply: 'drop', times: DROPS }],
  ['is lost before Stripe executed it', { effect: 'none', reply: 'drop', times: DROPS }],
  ['is a 429', { effect: 'none', reply: { status: 429, code: 'lock_timeout' } }],
  ['is a stored 500, and it is canceled', { effect: 'executed', reply: { status: 500 } }],
  ['is a stored 500, and it is not', { effect: 'none', reply: { status: 500 } }],
])('the reply to the cancel %s: canceled, then released', async (_name, fault) => {
  const { checkout, stock, stockBefore } = await order(world, 1);
  await world.fault({ operation: 'payment_intents.cancel', ...fault });
  await world.finish(checkout);
  expect(await world.shop.read(checkout)).toMatchObject({ status: 'expired' });
  expect((await world.payment(checkout)).status).toBe('canceled');
  expect(await stock()).toBe(stockBefore);
});

test.each(['open_checkout', 'bind_payment_intent', 'confirm_checkout'])(
  'the database loses the reply of %s: one order, one payment',
  async (sqlFunction) => {
    const wasLost = world.loseReplyOf(sqlFunction);
    const { checkout, stock, stockBefore } = await order(world, 1);
    expect(await paymentsOf(checkout.checkout_id)).toHaveLength(1);
    expect((await world.pay(checkout)).body.status).toBe('succeeded');
    await world.reach(checkout, 'confirmed');
    expect(wasLost()).toBe(true);
    expect(await world.payment(checkout)).toMatchObject({ captured: checkout.amount, refunded: 0 });
    expect(await stock()).toBe(stockBefore - 1);
  },
);

test('the database loses the reply of release_checkout: the units go back once', async () => {
  const { checkout, stock, stockBefore } = await order(world, 1);
  const wasLost = world.loseReplyOf('release_checkout');
  expect(await world.shop.cancel(checkout)).toBe(202);
  await world.reach(checkout, 'canceled');
  await world.finish(checkout);
  expect(wasLost()).toBe(true);
  expect(await stock()).toBe(stockBefore);
});

test('an event that comes before the PaymentIntent is bound is judged after it', async () => {
  const productId = await addProduct(world, 1);
  await world.fault({ operation: 'payment_intents.create', times: 1, latency_after_ms: 1_500 });
  const known = new Set((await readLedger(world.simulatorUrl)).payment_intents.map(({ id }) => id));
  const opening = world.shop.open([{ drop_product_id: productId, quantity: 1 }]);
  const created = await until('the PaymentIntent to exist', async () =>
    (await readLedger(world.simulatorUrl)).payment_intents.find(({ id }) => !known.has(id)),
  );
  await world.stripe.paymentIntents.confirm(created.id, { payment_method: 'pm_card_visa' });
  await until('its event to be handed on', async () => {
    const { rows } = await world.pool.query(
      `select 1 from webhook_events
       where payment_intent_id = $1 and type = 'payment_intent.succeeded' and forwarded_at is not null`,
      [created.id],
    );
    return rows.length > 0;
  });
  const checkout = await opening;
  expect(checkout.payment_intent_id).toBe(created.id);
  await world.reach(checkout, 'confirmed');
});

test('Stripe answers no create for twenty seconds: refused, units back, nothing to pay', async () => {
  const productId = await addProduct(world, 3);
  await world.fault({
    operation: 'payment_intents.create',
    times: 1_000,
    effect: 'none',
    reply: { status: 503 },
  });
  const answer = await world.shop.create([{ drop_product_id: productId, quantity: 1 }]);
  expect(answer.body).toMatchObject({
    code: expect.stringMatching(/payment_provider_unavailable|checkout_pending/),
  });
  await until('the units to be back', async () => (await world.shop.available(productId)) === 3);
  const { rows } = await world.pool.query(
    'select status, failure_code from checkouts order by opened_at desc limit 1',
  );
  expect(rows[0]).toEqual({ status: 'refused', failure_code: 'payment_provider_unavailable' });
});

test('fifty copies of every event, shuffled: one effect', async () => {
  await world.webhooks({ mode: 'deliver', copies: 50, shuffle: true });
  const { checkout, stock, stockBefore } = await order(world, 1);
  expect((await world.pay(checkout, 'pm_card_visa_chargeDeclined')).status).toBe(402);
  expect((await world.pay(checkout)).body.status).toBe('succeeded');
  await world.reach(checkout, 'confirmed');
  const body = await world.shop.read(checkout);
  expect(body.attempts).toBeLessThanOrEqual(1);
  expect(await world.payment(checkout)).toMatchObject({ captured: checkout.amount, refunded: 0 });
  expect(await stock()).toBe(stockBefore - 1);
});

test('every webhook is lost: a paid checkout is confirmed at its deadline', async () => {
  await world.webhooks({ mode: 'drop' });
  const { checkout } = await order(world, 1);
  expect((await world.pay(checkout)).body.status).toBe('succeeded');
  await world.finish(checkout);
  expect((await world.shop.read(checkout)).status).toBe('confirmed');
});

test('events in reverse order: the decline that comes after the success changes nothing', async () => {
  await world.webhooks({ mode: 'hold' });
  const { checkout } = await order(world, 1);
  expect((await world.pay(checkout, 'pm_card_visa_chargeDeclinedStolenCard')).status).toBe(402);
  expect((await world.pay(checkout)).body.status).toBe('succeeded');
  await world.webhooks({ mode: 'deliver' });
  await world.control('webhooks/flush', { order: 'reverse' });
  await world.reach(checkout, 'confirmed');
  expect(await world.payment(checkout)).toMatchObject({ captured: checkout.amount, refunded: 0 });
});
