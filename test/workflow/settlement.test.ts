// Money that came too late, and checkouts whose run is gone: settlement decides, once.
import { checkoutWorkflowId } from '../../contracts/ids';
import { readLedger, postJson } from '../support/ledger';
import { addProduct, order, type Placed } from '../support/orders';
import type { CreateBody } from '../support/shop';
import { until } from '../support/until';
import { ADMIN_TOKEN, World } from '../support/world';

let world: World;

beforeAll(async () => {
  world = await World.open();
});
afterEach(async () => {
  await world.webhooks({ mode: 'deliver' });
  expect(await world.brokenInvariants()).toEqual([]);
});
afterAll(() => world?.close());

/** What happens after a grace in which nobody renewed: the database takes the units back. */
async function loseLease({ checkout, stock, stockBefore }: Placed): Promise<void> {
  await world.pool.query(
    `update inventory_reservations set reclaim_after = clock_timestamp() - interval '1 second' where checkout_id = $1`,
    [checkout.checkout_id],
  );
  const response = await fetch(`${world.apiUrl}/api/maintenance/cleanup-reservations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
  });
  expect(response.status).toBe(200);
  expect(await stock()).toBe(stockBefore);
}

const terminate = (checkout: CreateBody) =>
  world.env.client.workflow.getHandle(checkoutWorkflowId(checkout.checkout_id)).terminate('test');

const pay = async (checkout: CreateBody) => expect((await world.pay(checkout)).body.status).toBe('succeeded');

/** Another buyer takes and pays every unit. */
async function takeAll({ productId, stockBefore }: Placed): Promise<void> {
  const other = await world.shop.open([{ drop_product_id: productId, quantity: stockBefore }]);
  await pay(other);
  await world.reach(other, 'confirmed');
}

describe('the lease was lost, and the run still waits', () => {
  test('paid while the units are free: re-claimed and confirmed, no refund', async () => {
    const placed = await order(world, 1, 1);
    await loseLease(placed);
    await pay(placed.checkout);
    await world.reach(placed.checkout, 'confirmed');
    expect(await placed.stock()).toBe(0);
    expect(await world.payment(placed.checkout)).toMatchObject({ refunded: 0 });
  });

  test('paid while the units are gone: refunded once, and the buyer is told', async () => {
    const placed = await order(world, 1, 1);
    await loseLease(placed);
    await takeAll(placed);
    await pay(placed.checkout);
    const body = await world.reach(placed.checkout, 'refunded');
    expect(body).toMatchObject({
      failure_code: 'sold_out_after_payment',
      order_id: null,
      refund: { state: 'succeeded', amount: placed.checkout.amount },
    });
    expect(await world.payment(placed.checkout)).toMatchObject({
      captured: placed.checkout.amount,
      refunded: placed.checkout.amount,
    });
  });

  test.each([
    ['is lost after Stripe executed it', { effect: 'executed', reply: 'drop', times: 2 }],
    ['is a stored 500, and it exists', { effect: 'executed', reply: { status: 500 } }],
    ['is a stored 500, and it does not exist', { effect: 'none', reply: { status: 500 } }],
  ])('the reply to the refund %s: exactly one refund', async (_name, fault) => {
    await world.fault({ operation: 'refunds.create', ...fault });
    const placed = await order(world, 1, 1);
    await loseLease(placed);
    await takeAll(placed);
    await pay(placed.checkout);
    await world.reach(placed.checkout, 'refunded');
    const { refunds } = await readLedger(world.simulatorUrl);
    expect(
      refunds.filter((refund) => refund.payment_intent === placed.checkout.payment_intent_id),
    ).toHaveLength(1);
  });
});

describe('the run was terminated', () => {
  test('and the payment comes: confirmed', async () => {
    const placed = await order(world, 1, 1);
    await terminate(placed.checkout);
    await pay(placed.checkout);
    await world.reach(placed.checkout, 'confirmed');
    expect(await placed.stock()).toBe(0);
  });

  test('the units were given away, and the payment comes: refunded', async () => {
    const placed = await order(world, 1, 1);
    await terminate(placed.checkout);
    await loseLease(placed);
    await takeAll(placed);
    await pay(placed.checkout);
    const body = await world.reach(placed.checkout, 'refunded');
    expect(body.refund).toEqual({ state: 'succeeded', amount: placed.checkout.amount });
  });

  test('and the shopper cancels: the payment is ended, then the units go back', async () => {
    const placed = await order(world, 1, 1);
    await terminate(placed.checkout);
    expect(await world.shop.cancel(placed.checkout)).toBe(202);
    await world.reach(placed.checkout, 'canceled');
    expect((await world.payment(placed.checkout)).status).toBe('canceled');
    expect(await placed.stock()).toBe(1);
  });
});

test('money for a checkout that has expired re-claims the units', async () => {
  const placed = await order(world, 1, 1);
  await world.fault({
    operation: 'payment_intents.cancel',
    times: 1_000,
    effect: 'none',
    reply: { status: 400, code: 'resource_missing' },
    match: { id: placed.checkout.payment_intent_id },
  });
  await world.pool.query(`select release_checkout($1, 'expired', 'payment_unresolved', '{}')`, [
    placed.checkout.checkout_id,
  ]);
  await pay(placed.checkout);
  await world.reach(placed.checkout, 'confirmed');
  expect(await placed.stock()).toBe(0);
  await fetch(`${world.simulatorUrl}/_simulator/faults`, { method: 'DELETE' });
});

test('events and PaymentIntents that are not ours survive untouched', async () => {
  const foreign = await world.stripe.paymentIntents.create({
    amount: 5_000,
    currency: 'usd',
    payment_method: 'pm_card_visa',
    confirm: true,
    metadata: { holdfast_env: 'another-installation', checkout_id: '00000000-0000-8000-8000-000000000000' },
  });
  const unmarked = await world.stripe.paymentIntents.create({ amount: 700, currency: 'usd' });
  await until('their events to be stored as ignored', async () => {
    const { rows } = await world.pool.query<{ count: number }>(
      `select count(*)::int as count from webhook_events
       where payment_intent_id = any ($1) and outcome in ('ignored', 'no_effect')`,
      [[foreign.id, unmarked.id]],
    );
    return (rows[0]?.count ?? 0) >= 3;
  });
  const { rows } = await world.pool.query(
    'select 1 from webhook_events where payment_intent_id = any ($1) and forwarded_at is not null',
    [[foreign.id, unmarked.id]],
  );
  expect(rows).toHaveLength(0);
  const ledger = await readLedger(world.simulatorUrl);
  expect(ledger.payment_intents.find(({ id }) => id === foreign.id)).toMatchObject({
    captured: 5_000,
    refunded: 0,
  });
  expect((await world.stripe.paymentIntents.retrieve(unmarked.id)).status).toBe('requires_payment_method');
});

test('the same key answers the same checkout after its run was deleted from Temporal', async () => {
  const productId = await addProduct(world, 2);
  const key = 'the-same-key-again-and-again';
  const first = await world.shop.open([{ drop_product_id: productId, quantity: 1 }], key);
  await pay(first);
  await world.reach(first, 'confirmed');
  await postJson(`${world.simulatorUrl}/_simulator/clock`, { advance_seconds: 25 * 3_600 });

  const again = await world.shop.open([{ drop_product_id: productId, quantity: 1 }], key);
  expect(again).toMatchObject({ checkout_id: first.checkout_id, status: 'confirmed', client_secret: null });
  const other = await world.shop.create([{ drop_product_id: productId, quantity: 2 }], key);
  expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused']);
  const { payment_intents: payments } = await readLedger(world.simulatorUrl);
  expect(payments.filter(({ metadata }) => metadata['checkout_id'] === first.checkout_id)).toHaveLength(1);
});
