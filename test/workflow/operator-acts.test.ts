// What the matrix of act and status does not show: acts on other things, races, runs that are gone, workers that die.
import { randomUUID } from 'node:crypto';

import { checkoutWorkflowId } from '../../contracts/ids';
import { openIncident } from '../../db/incidents';
import { actOn, operate, readAdmin, type OperationBody } from '../support/operator';
import { addProduct, loseLease, order, takeAll, type Placed } from '../support/orders';
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

describe('stock, events, incidents, upkeep', () => {
  test('a restock is on sale at once; below held and sold it is refused with how many those are', async () => {
    const placed = await order(world, 4, 4);
    const more = await operate(world, `products/${placed.productId}/restock`, { units: 2 });
    expect(more.body).toMatchObject({
      state: 'done',
      request: { units: 2 },
      before: { total: 4, available: 0 },
      after: { total: 6, available: 2 },
    });
    expect(await placed.stock()).toBe(2);
    const less = await operate(world, `products/${placed.productId}/restock`, { units: -3 });
    expect(less.body).toMatchObject({ refusal: 'below_held_and_sold', result: { held_and_sold: 4 } });
    expect(await placed.stock()).toBe(2);
  });

  test('an event in quarantine is handed on again, and judged; a judged one is refused', async () => {
    const placed = await order(world, 2);
    await terminate(placed);
    await world.pay(placed.checkout);
    await world.reach(placed.checkout, 'confirmed');
    const again = await order(world, 2);
    // As if its signal had been lost ten times over: stored, never judged, given up.
    await world.webhooks({ mode: 'drop' });
    await world.pay(again.checkout);
    const { rows } = await world.pool.query<{ event_id: string }>(
      `insert into webhook_events (event_id, type, livemode, stripe_created_at, payment_intent_id, checkout_id, payload,
         signal, tries, quarantined_at)
       select 'evt_quarantined', type, livemode, stripe_created_at, $1, $2, '{}',
         signal || jsonb_build_object('eventId', 'evt_quarantined', 'paymentIntentId', $1::text), 10, now()
       from webhook_events where checkout_id = $3 and type = 'payment_intent.succeeded' limit 1 returning event_id`,
      [again.checkout.payment_intent_id, idOf(again), idOf(placed)],
    );
    expect(rows).toHaveLength(1);
    expect(await readAdmin(world, 'inbox?state=quarantined')).toMatchObject({
      events: [{ event_id: 'evt_quarantined', tries: 10 }],
    });
    const { body } = await operate(world, 'inbox/replay', { event_id: 'evt_quarantined' });
    expect(body).toMatchObject({
      state: 'done',
      result: { handed_to: 'checkout' },
      after: { quarantined_at: null },
    });
    await world.reach(again.checkout, 'confirmed');
    expect(await readAdmin(world, `inbox?state=all&checkout_id=${idOf(again)}`)).toMatchObject({
      events: expect.arrayContaining([expect.objectContaining({ outcome: 'confirmed' })]) as unknown,
    });
    const judged = await operate(world, 'inbox/replay', { event_id: 'evt_quarantined' });
    expect(judged.body).toMatchObject({ refusal: 'already_judged', result: { outcome: 'confirmed' } });
    const unknown = await operate(world, 'inbox/replay', { event_id: 'evt_unknown' });
    expect(unknown.body).toMatchObject({ refusal: 'unknown_target', before: null });
  });

  test('an incident is resolved once, and the record says by whom', async () => {
    await openIncident(world.pool, { checkoutId: null, kind: 'a_test', detail: { at: 'the desk' } });
    const list = () =>
      readAdmin<{ incidents: { incident_id: string; resolved_by: string | null }[] }>(
        world,
        'incidents?kind=a_test&state=all',
      );
    const id = (await list()).incidents[0]?.incident_id;
    const once = key();
    const { body } = await operate(world, `incidents/${id}/resolve`, {}, once);
    expect(body).toMatchObject({ state: 'done', before: { resolved_at: null } });
    expect((await operate(world, `incidents/${id}/resolve`, {}, once)).body).toEqual(body);
    expect((await operate(world, `incidents/${id}/resolve`)).body.refusal).toBe('already_resolved');
    expect((await list()).incidents[0]?.resolved_by).toBe(body.operation_id);
  });

  test('cleanup and reconciliation now', async () => {
    const placed = await order(world, 2);
    await world.pool.query(
      `update inventory_reservations set reclaim_after = clock_timestamp() - interval '1 second' where checkout_id = $1`,
      [idOf(placed)],
    );
    expect((await operate(world, 'cleanup')).body).toMatchObject({
      state: 'done',
      result: { released: 1, more: false },
    });
    expect(await placed.stock()).toBe(placed.stockBefore);
    await loseLease(world, placed);

    const forgotten = await order(world, 2);
    await terminate(forgotten);
    await world.webhooks({ mode: 'drop' });
    await world.pay(forgotten.checkout);
    await world.pool.query(`update checkouts set opened_at = opened_at - interval '1 minute' where id = $1`, [
      idOf(forgotten),
    ]);
    const [first, second] = await Promise.all([operate(world, 'reconcile'), operate(world, 'reconcile')]);
    const answers = [first, second].map(({ body }) => body.refusal ?? body.state);
    expect(answers.toSorted()).toEqual(['already_running', expect.stringMatching(/^(done|running)$/)]);
    await world.reach(forgotten.checkout, 'confirmed');
  });

  test('what is not there is refused, and that is on record too', async () => {
    const id = randomUUID();
    for (const path of [`checkouts/${id}/cancel`, `incidents/${id}/resolve`, `checkouts/${id}/refund`]) {
      const { status, body } = await operate(world, path);
      expect([status, body.refusal]).toEqual([409, 'unknown_target']);
    }
    const { operations } = await readAdmin<{ operations: OperationBody[] }>(world, `operations?target=${id}`);
    expect(operations.map(({ state, refusal }) => [state, refusal])).toEqual(
      Array.from({ length: 3 }, () => ['refused', 'unknown_target']),
    );
  });

  test('the record cannot be changed or deleted', async () => {
    const { body } = await operate(world, 'cleanup');
    for (const sql of [
      `update admin_operations set operator = 'nobody' where operation_id = $1`,
      `update admin_operations set after = '{}' where operation_id = $1`,
      'delete from admin_operations where operation_id = $1',
    ]) {
      await expect(world.pool.query(sql, [body.operation_id])).rejects.toMatchObject({ code: 'HF005' });
    }
  });

  test('a buyer’s checkouts are found by id, payment and customer', async () => {
    const productId = await addProduct(world, 3);
    const checkout = await world.shop.open(
      [{ drop_product_id: productId, quantity: 1 }],
      undefined,
      'customer-9',
    );
    for (const by of [
      `checkout_id=${checkout.checkout_id}`,
      `payment_intent_id=${checkout.payment_intent_id}`,
      'customer_id=customer-9',
    ]) {
      expect(await readAdmin(world, `checkouts?${by}`)).toMatchObject({
        checkouts: [{ checkout_id: checkout.checkout_id, status: 'awaiting_payment', amount: 2_500 }],
      });
    }
    expect(await readAdmin(world, `reservations?drop_product_id=${productId}`)).toMatchObject({
      reservations: [{ checkout_id: checkout.checkout_id, quantity: 1, product_name: 'Test product' }],
      next: null,
    });
  });
});
