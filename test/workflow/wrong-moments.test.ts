// News at the wrong moment, or about another payment: none of it may cost the buyer the units or the money.
import type { CheckoutInput } from '../../contracts/checkout';
import { checkoutIdFromKey } from '../../contracts/fingerprint';
import { checkoutWorkflowId, settlementWorkflowId } from '../../contracts/ids';
import { CHECKOUT_WORKFLOW_TYPE, MAIN_TASK_QUEUE, paymentEventSignal } from '../../contracts/messages';
import { createCheckoutRuns } from '../../worker/runs';
import { addProduct, order } from '../support/orders';
import { Shop, type CreateBody } from '../support/shop';
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

const runOf = ({ checkout_id: id }: CreateBody) =>
  world.env.client.workflow.getHandle(checkoutWorkflowId(id));

/** A create that takes long enough for something else to happen, and the checkout it is for. */
async function slowOpening(fault: Record<string, unknown>) {
  const productId = await addProduct(world, 1);
  const key = Shop.key();
  const checkoutId = checkoutIdFromKey(key);
  await world.fault({
    operation: 'payment_intents.create',
    times: 1,
    match: { metadata: { workflow_id: checkoutWorkflowId(checkoutId) } },
    ...fault,
  });
  const answer = world.shop.create([{ drop_product_id: productId, quantity: 1 }], key);
  const amount = await until('the checkout to be opening', async () => {
    const { rows } = await world.pool.query<{ amount: number }>(
      `select amount_minor::int as amount from checkouts where id = $1 and status = 'opening'`,
      [checkoutId],
    );
    return rows[0]?.amount;
  });
  return { productId, answer, checkoutId, amount };
}

test('an operator cancels the run while the payment is created: ended, and the units go back', async () => {
  const { productId, answer, checkoutId } = await slowOpening({ latency_after_ms: 1_500 });
  await world.env.client.workflow.getHandle(checkoutWorkflowId(checkoutId)).cancel();
  const { status, body } = await answer;
  expect(status).toBe(201);
  await world.reach(body, 'canceled');
  expect((await world.payment(body)).status).toBe('canceled');
  expect(await world.shop.available(productId)).toBe(1);
});

test('the create is given up although its PaymentIntent was bound: the checkout goes on with it', async () => {
  const { productId, answer, checkoutId, amount } = await slowOpening({
    latency_ms: 1_500,
    effect: 'none',
    reply: { status: 400 },
  });
  const { id } = await world.stripe.paymentIntents.create({
    amount,
    currency: 'usd',
    metadata: { holdfast_env: world.database.holdfastEnv, checkout_id: checkoutId },
  });
  await world.pool.query('select bind_payment_intent($1, $2)', [checkoutId, id]);
  const { status, body } = await answer;
  expect([status, body.payment_intent_id]).toEqual([201, id]);
  expect((await world.pay(body)).body.status).toBe('succeeded');
  expect(await runOf(body).result()).toMatchObject({ status: 'confirmed' });
  expect(await world.shop.available(productId)).toBe(0);
});

test('events about a PaymentIntent that is not the bound one change nothing', async () => {
  const { checkout, stock, stockBefore } = await order(world, 1);
  for (const type of ['payment_intent.canceled', 'payment_intent.succeeded'] as const) {
    await runOf(checkout).signal(paymentEventSignal, {
      eventId: `evt_other_${type}`,
      type,
      paymentIntentId: 'pi_of_another_create',
      currency: checkout.currency,
      amountReceivedMinor: checkout.amount,
      amountCapturableMinor: 0,
      attempt: null,
    });
  }
  expect((await world.pay(checkout, 'pm_card_visa_chargeDeclined')).status).toBe(402);
  await until('the decline to be counted', async () => (await world.shop.read(checkout)).attempts === 1);
  expect((await world.shop.read(checkout)).status).toBe('awaiting_payment');
  expect(await stock()).toBe(stockBefore - 1);
  expect((await world.pay(checkout)).body.status).toBe('succeeded');
  await world.reach(checkout, 'confirmed');
});

test('settlement leaves a checkout alone whose run still waits', async () => {
  const { checkout, stock, stockBefore } = await order(world, 1);
  await createCheckoutRuns(world.env.client).startSettlement(checkout.checkout_id);
  await world.env.client.workflow.getHandle(settlementWorkflowId(checkout.checkout_id)).result();
  expect((await world.shop.read(checkout)).status).toBe('awaiting_payment');
  expect((await world.payment(checkout)).status).toBe('requires_payment_method');
  expect(await stock()).toBe(stockBefore - 1);
  expect((await world.pay(checkout)).body.status).toBe('succeeded');
  await world.reach(checkout, 'confirmed');
});

test('a payment that lost our metadata is not taken for paid: the units stay held, a person is called', async () => {
  const { checkout, stock, stockBefore } = await order(world, 1);
  await world.stripe.paymentIntents.update(checkout.payment_intent_id, {
    metadata: { holdfast_env: 'somebody-else' },
  });
  expect((await world.pay(checkout)).body.status).toBe('succeeded');
  expect(await world.shop.cancel(checkout)).toBe(202);
  await until('the incident', async () =>
    (await world.incidents(checkout)).includes('payment_does_not_match'),
  );
  expect((await world.shop.read(checkout)).status).toBe('awaiting_payment');
  expect(await stock()).toBe(stockBefore - 1);
});

test('the payment wins the race against the cancel, and its event is lost: confirmed by the re-read alone', async () => {
  await world.webhooks({ mode: 'drop' });
  const { checkout, stock, stockBefore } = await order(world, 1);
  await world.fault({
    operation: 'payment_intents.cancel',
    times: 1,
    match: { id: checkout.payment_intent_id },
    meanwhile: { operation: 'payment_intents.confirm', params: { payment_method: 'pm_card_visa' } },
  });
  expect(await world.shop.cancel(checkout)).toBe(202);
  await world.finish(checkout);
  expect((await world.shop.read(checkout)).status).toBe('confirmed');
  const { rows } = await world.pool.query<{ kind: string }>(
    `select j.kind from inventory_journal j
     join checkout_lines l on l.drop_product_id = j.drop_product_id where l.checkout_id = $1`,
    [checkout.checkout_id],
  );
  expect(rows.map(({ kind }) => kind)).not.toContain('release');
  expect(await stock()).toBe(stockBefore - 1);
});

test('a run that finds a bound row it did not begin ends the payment before it gives the units back', async () => {
  const { checkout, stock, stockBefore } = await order(world, 1);
  const { checkout_id: checkoutId } = checkout;
  const { client } = world.env;
  await client.workflow.getHandle(checkoutWorkflowId(checkoutId)).terminate('test');
  const { rows } = await world.pool.query<CheckoutInput>(
    `select c.id as "checkoutId", c.request_fingerprint as "requestFingerprint", c.customer_id as "customerId",
       (select jsonb_agg(jsonb_build_object('dropProductId', l.drop_product_id, 'quantity', l.quantity))
        from checkout_lines l where l.checkout_id = c.id) as lines
     from checkouts c where c.id = $1`,
    [checkoutId],
  );
  await client.workflow.start(CHECKOUT_WORKFLOW_TYPE, {
    workflowId: checkoutWorkflowId(checkoutId),
    taskQueue: MAIN_TASK_QUEUE,
    args: [rows[0]],
  });
  await world.finish(checkout);
  expect((await world.shop.read(checkout)).status).toBe('expired');
  expect((await world.payment(checkout)).status).toBe('canceled');
  expect(await stock()).toBe(stockBefore);
});
