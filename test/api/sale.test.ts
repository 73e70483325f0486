// The buyer's way over HTTP with everything real behind it: worker, PostgreSQL, Temporal, the simulator's Stripe.
import { checkoutWorkflowId } from '../../contracts/ids';
import { DEMO_PRODUCTS } from '../../db/seed';
import { EventStream } from '../support/event-stream';
import { Shop } from '../support/shop';
import type { CreateBody } from '../support/shop';
import { until } from '../support/until';
import { World } from '../support/world';

const poster = (quantity = 1) => [{ drop_product_id: DEMO_PRODUCTS.poster.id, quantity }];
const PRINT = [{ drop_product_id: DEMO_PRODUCTS.print.id, quantity: 1 }];

let world: World;

beforeAll(async () => {
  world = await World.open({ server: 'dev-server' });
}, 60_000);

afterAll(() => world.close());

afterEach(async () => {
  expect(await world.brokenInvariants()).toEqual([]);
});

async function get(
  checkout: CreateBody,
  path: string,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${world.apiUrl}/api/checkouts/${checkout.checkout_id}${path}`, {
    headers: { authorization: `Bearer ${checkout.checkout_token}` },
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe('an order', () => {
  test('is opened once per key: the same answer again, with the secret Stripe has', async () => {
    const key = Shop.key();
    const first = await world.shop.create(poster(2), key);
    expect(first).toMatchObject({
      status: 201,
      body: {
        status: 'awaiting_payment',
        payment_intent_id: expect.stringMatching(/^pi_/),
        client_secret: expect.stringContaining('_secret_'),
        reservation_ids: [expect.any(String)],
        amount: 3_000,
        currency: 'usd',
      },
    });
    expect(first.headers.get('cache-control')).toBe('no-store');
    const again = await world.shop.create(poster(2), key);
    expect(again.status).toBe(201);
    expect({ ...again.body, seconds_left: 0 }).toEqual({ ...first.body, seconds_left: 0 });

    const payment = await get(first.body, '/payment');
    expect(payment).toEqual({
      status: 200,
      body: { payment_intent_id: first.body.payment_intent_id, client_secret: first.body.client_secret },
    });
  });

  test('another order under a key that is open is refused, and changes nothing', async () => {
    const key = Shop.key();
    const first = await world.shop.open(poster(), key);
    const left = await world.shop.available(DEMO_PRODUCTS.poster.id);
    expect(await world.shop.create(poster(2), key)).toMatchObject({
      status: 422,
      body: { code: 'idempotency_key_reused' },
    });
    expect(await world.shop.available(DEMO_PRODUCTS.poster.id)).toBe(left);
    expect(await world.shop.read(first)).toMatchObject({ status: 'awaiting_payment' });
  });

  test('paid, it is confirmed; the same key then answers it without a secret, also once Temporal forgot the run', async () => {
    const key = Shop.key();
    const opened = await world.shop.open(poster(), key);
    await world.pay(opened);
    const paid = await world.reach(opened, 'confirmed');
    expect(paid.order_id).toEqual(expect.any(String));
    await world.finish(opened);
    expect(await world.shop.create(poster(), key)).toMatchObject({
      status: 201,
      body: {
        status: 'confirmed',
        client_secret: null,
        seconds_left: 0,
        payment_intent_id: opened.payment_intent_id,
      },
    });

    await world.env.client.workflowService.deleteWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: checkoutWorkflowId(opened.checkout_id) },
    });
    expect(await world.shop.create(poster(), key)).toMatchObject({
      status: 201,
      body: { status: 'confirmed' },
    });
    expect(await world.shop.create(poster(2), key)).toMatchObject({ status: 422 });
    expect(await get(opened, '/payment')).toMatchObject({
      status: 409,
      body: { code: 'checkout_not_payable' },
    });
    expect(await world.shop.cancel(opened)).toBe(409);
  });

  test('tells its buyer who listens how it goes, and says when that is all', async () => {
    const opened = await world.shop.open(poster());
    const stream = await EventStream.open(`${world.apiUrl}/api/checkouts/${opened.checkout_id}/events`, {
      authorization: `Bearer ${opened.checkout_token}`,
    });
    await until('the first state', async () => stream.events.length > 0);
    await world.pay(opened);
    expect(await stream.ended).toBe('ended');
    expect(stream.events.map(({ data }) => data['status'] ?? data['reason'])).toEqual([
      'awaiting_payment',
      'confirmed',
      'final',
    ]);
    expect(stream.named('checkout').at(-1)?.data).toEqual(await world.shop.read(opened));
  });

  test('given up by the shopper, it is canceled and its units are back', async () => {
    const before = await world.shop.available(DEMO_PRODUCTS.poster.id);
    const opened = await world.shop.open(poster(3));
    expect(await world.shop.cancel(opened)).toBe(202);
    await world.reach(opened, 'canceled');
    expect(await world.shop.available(DEMO_PRODUCTS.poster.id)).toBe(before);
    expect(await world.shop.cancel(opened)).toBe(202);
  });

  test('of an unknown product is refused', async () => {
    const unknown = [{ drop_product_id: '00000000-0000-4000-8000-000000000000', quantity: 1 }];
    expect(await world.shop.create(unknown)).toMatchObject({
      status: 422,
      body: { code: 'unknown_product' },
    });
  });
});

describe('one unit', () => {
  test('wanted by 20 buyers at once is one 201 and nineteen 409, which say that none is left', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => world.shop.create(PRINT)));
    const refused = answers.filter((answer) => answer.status === 409);
    expect(answers.filter((answer) => answer.status === 201)).toHaveLength(1);
    expect(refused).toHaveLength(19);
    for (const { body } of refused)
      expect(body).toMatchObject({ code: 'insufficient_inventory', available: 0 });
    expect(await world.shop.available(DEMO_PRODUCTS.print.id)).toBe(0);
  });
});

describe('20 copies of one request', () => {
  test('are one checkout with one PaymentIntent', async () => {
    const key = Shop.key();
    const answers = await Promise.all(Array.from({ length: 20 }, () => world.shop.create(poster(), key)));
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([201]));
    expect(new Set(answers.map((answer) => answer.body.payment_intent_id)).size).toBe(1);
  });
});

describe('an order started while no worker runs', () => {
  test('is pending, and the same key gets its answer once a worker is back', async () => {
    await world.stopWorkers();
    const key = Shop.key();
    const pending = world.shop.create(poster(), key);
    await world.startWorkers();
    const answer = await pending;
    expect(answer.status).toBe(201);
    expect((await world.shop.create(poster(), key)).body.payment_intent_id).toBe(
      answer.body.payment_intent_id,
    );
  });
});
