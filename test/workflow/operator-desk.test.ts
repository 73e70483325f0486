// What operators do besides acting on a checkout: stock, events, incidents, upkeep, and the record of all of it.
import { randomUUID } from 'node:crypto';

import { checkoutWorkflowId } from '../../contracts/ids';
import { openIncident } from '../../db/incidents';
import { operate, readAdmin, type OperationBody } from '../support/operator';
import { addProduct, loseLease, order, type Placed } from '../support/orders';
import { World } from '../support/world';

let world: World;

beforeAll(async () => {
  world = await World.open();
});
afterEach(async () => {
  await world.webhooks({ mode: 'deliver' });
  expect(await world.brokenInvariants()).toEqual([]);
});
afterAll(() => world?.close());

const idOf = ({ checkout }: Placed) => checkout.checkout_id;
const terminate = (placed: Placed) =>
  world.env.client.workflow.getHandle(checkoutWorkflowId(idOf(placed))).terminate('test');
const key = () => `operator-${randomUUID()}`;

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
