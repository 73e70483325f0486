// What the matrix of act and status does not show: keys used twice, races, runs that are gone, workers that die.
import { randomUUID } from 'node:crypto';

import { checkoutWorkflowId } from '../../contracts/ids';
import { actOn, operate, readAdmin, type OperationBody } from '../support/operator';
import { addProduct, order, takeAll, type Placed } from '../support/orders';
import { sell, stripeRefunds } from '../support/refunds';
import { until } from '../support/until';
import { World } from '../support/world';

let world: World;

beforeAll(async () => {
  world = await World.open({ paymentMethodTypes: ['card', 'us_bank_account'] });
});
afterEach(async () => {
  await fetch(`${world.simulatorUrl}/_simulator/faults`, { method: 'DELETE' });
  await world.webhooks({ mode: 'deliver' });
  await world.control('settings', { processing_cancel: 'refuse' });
  expect(await world.brokenInvariants()).toEqual([]);
});
afterAll(() => world?.close());

const idOf = ({ checkout }: Placed) => checkout.checkout_id;
const terminate = (placed: Placed) =>
  world.env.client.workflow.getHandle(checkoutWorkflowId(idOf(placed))).terminate('test');
const record = (id: string) => readAdmin<OperationBody>(world, `operations/${id}`);
const key = () => `operator-${randomUUID()}`;

/** The payment is being processed, and Stripe would let it be cancelled. */
const processing = async () => {
  const placed = await order(world, 2);
  await world.pay(placed.checkout, 'pm_usBankAccount_success');
  await world.reach(placed.checkout, 'payment_processing');
  await world.control('settings', { processing_cancel: 'allow' });
  return placed;
};

describe('once per key', () => {
  test('the same request, five at once and once later, is one refund with one answer', async () => {
    const placed = await sell(world);
    const once = key();
    const fields = { amount: 700, returned_lines: [{ drop_product_id: placed.productId, quantity: 1 }] };
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => actOn(world, 'refund', idOf(placed), { fields, key: once })),
    );
    for (const { status, body } of answers) {
      expect([status, body.request, body.result]).toEqual([200, fields, { amount: 700 }]);
    }
    await until('one unit to be back', async () => (await placed.stock()) === placed.stockBefore - 1);
    const again = await actOn(world, 'refund', idOf(placed), { fields, key: once });
    expect(again.body).toEqual(answers[0]?.body);
    expect(await stripeRefunds(world, placed)).toMatchObject([{ amount: 700 }]);
    const other = await actOn(world, 'refund', idOf(placed), { fields: { amount: 701 }, key: once });
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused']);
  });

  test('a refusal stays a refusal under its key, and is another try under another', async () => {
    const placed = await order(world, 2);
    const once = key();
    expect((await actOn(world, 'refund', idOf(placed), { key: once })).body.refusal).toBe('not_paid');
    await world.pay(placed.checkout);
    await world.reach(placed.checkout, 'confirmed');
    expect((await actOn(world, 'refund', idOf(placed), { key: once })).body.refusal).toBe('not_paid');
    const all = await actOn(world, 'refund', idOf(placed), { fields: { returned_lines: 'all' } });
    expect(all.body.result).toEqual({ amount: placed.checkout.amount });
    await until('the units to be back', async () => (await placed.stock()) === placed.stockBefore);
  });

  test('a known operation answers from its row after Temporal has forgotten it', async () => {
    const productId = await addProduct(world, 5);
    const once = key();
    const first = await operate(world, `products/${productId}/restock`, { units: 3 }, once);
    await world.stopWorkers();
    const again = await operate(world, `products/${productId}/restock`, { units: 3 }, once);
    await world.startWorkers();
    expect(again).toEqual(first);
    expect(await world.shop.available(productId)).toBe(8);
  });
});

describe('a worker dies', () => {
  test.each(['begin_operation', 'request_refund', 'finish_operation'])(
    'the reply of %s is lost: one refund, one record',
    async (sqlFunction) => {
      const placed = await sell(world);
      const isLost = world.loseReplyOf(sqlFunction);
      const { status, body } = await actOn(world, 'refund', idOf(placed), { fields: { amount: 500 } });
      expect([isLost(), status, body.state]).toEqual([true, 200, 'done']);
      await until('the refund', async () => (await world.payment(placed.checkout)).refunded === 500);
      expect(await stripeRefunds(world, placed)).toHaveLength(1);
    },
  );
});

describe('cancel', () => {
  test('the payment has won, and nobody has told us: refused, and it is an order', async () => {
    const placed = await order(world, 2);
    await world.webhooks({ mode: 'drop' });
    await world.pay(placed.checkout);
    const { body } = await actOn(world, 'cancel', idOf(placed));
    expect(body).toMatchObject({ refusal: 'payment_won', after: { status: 'confirmed' } });
    expect(await placed.stock()).toBe(placed.stockBefore - 2);
  });

  test('no run any more, and the payment is being processed: settlement lets it go all the same', async () => {
    const placed = await processing();
    await terminate(placed);
    const { body } = await actOn(world, 'cancel', idOf(placed));
    expect(body).toMatchObject({ state: 'done', after: { status: 'canceled' } });
    expect(await placed.stock()).toBe(placed.stockBefore);
    expect((await world.payment(placed.checkout)).status).toBe('canceled');
  });

  test('settlement already waits for the payment to end: it is told', async () => {
    const placed = await processing();
    await terminate(placed);
    expect((await actOn(world, 'ask_stripe', idOf(placed))).body.result).toEqual({
      payment_status: 'processing',
      asked: 'settlement',
    });
    await until('settlement to have looked', async () => {
      const history = await world.env.client.workflow.getHandle(`settle-${idOf(placed)}`).fetchHistory();
      return (history.events ?? []).some(
        ({ activityTaskScheduledEventAttributes: task }) => task?.activityType?.name === 'endPayment',
      );
    });
    const { body } = await actOn(world, 'cancel', idOf(placed));
    expect(body).toMatchObject({ state: 'done', after: { status: 'canceled' } });
    expect(await placed.stock()).toBe(placed.stockBefore);
  });

  test('more time for a checkout that nothing runs for is refused, and it is settled', async () => {
    const placed = await order(world, 2);
    await terminate(placed);
    expect((await actOn(world, 'extend', idOf(placed))).body.refusal).toBe('no_run');
    await world.reach(placed.checkout, 'canceled');
    expect(await placed.stock()).toBe(placed.stockBefore);
  });
});

describe('reclaim', () => {
  const closedUnpaid = async () => {
    const placed = await order(world, 2, 2);
    await terminate(placed);
    await world.pool.query(`select release_checkout($1, 'expired', null, '{}')`, [idOf(placed)]);
    return placed;
  };

  test('without money it is refused, with what Stripe says', async () => {
    const placed = await order(world, 2);
    await world.shop.cancel(placed.checkout);
    await world.reach(placed.checkout, 'canceled');
    const { body } = await actOn(world, 'reclaim', idOf(placed));
    expect(body).toMatchObject({ refusal: 'no_money', result: { payment_status: 'canceled' } });
    expect(await placed.stock()).toBe(placed.stockBefore);
  });

  test('money, and the units are sold to others: it says so, and the money goes back once', async () => {
    const placed = await closedUnpaid();
    await takeAll(world, placed);
    await world.webhooks({ mode: 'drop' });
    await world.pay(placed.checkout);
    const { body } = await actOn(world, 'reclaim', idOf(placed));
    expect(body.refusal).toBe('units_gone');
    await world.reach(placed.checkout, 'refunded');
    expect(await stripeRefunds(world, placed)).toHaveLength(1);
    expect(await placed.stock()).toBe(0);
  });

  test('Stripe cannot be asked: refused, and nothing has happened', async () => {
    const placed = await closedUnpaid();
    await world.webhooks({ mode: 'drop' });
    await world.pay(placed.checkout);
    await world.fault({ operation: 'payment_intents.retrieve', effect: 'none', reply: 'drop', times: 1_000 });
    const asked = await actOn(world, 'reclaim', idOf(placed));
    const ended = await until(
      'the operation to end',
      async () => {
        const found = await record(asked.body.operation_id);
        return found.state === 'refused' && found;
      },
      30_000,
    );
    expect(ended).toMatchObject({ refusal: 'stripe_unreachable', after: { status: 'expired' } });
    await fetch(`${world.simulatorUrl}/_simulator/faults`, { method: 'DELETE' });
    expect((await actOn(world, 'reclaim', idOf(placed))).body.state).toBe('done');
    await world.reach(placed.checkout, 'confirmed');
  });
});
