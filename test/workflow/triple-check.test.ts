// Database row = workflow result = Stripe: silent where they agree, settled where that mends it, an incident where not.
import { TRIPLE_CHECK_WORKFLOW_TYPE, type TripleCheckReport } from '../../contracts/messages';
import { order } from '../support/orders';
import type { CreateBody } from '../support/shop';
import { until } from '../support/until';
import { World } from '../support/world';

let world: World;

beforeAll(async () => {
  world = await World.open();
});
afterAll(() => world?.close());

let runs = 0;
const check = (): Promise<TripleCheckReport> => {
  runs += 1;
  return world.runInRealTime(TRIPLE_CHECK_WORKFLOW_TYPE, `triple-check-${runs}`, [{ closedSeconds: 3_600 }]);
};

/** The check leaves alone what closed within the last minute. */
const age = (checkout: CreateBody) =>
  world.pool.query(`update checkouts set closed_at = closed_at - interval '2 minutes' where id = $1`, [
    checkout.checkout_id,
  ]);

async function sold(): Promise<CreateBody> {
  const { checkout } = await order(world, 1);
  expect((await world.pay(checkout)).body.status).toBe('succeeded');
  await world.finish(checkout);
  await age(checkout);
  return checkout;
}

test('what ended in every usual way agrees', async () => {
  const confirmed = await sold();
  const { checkout: canceled } = await order(world, 1);
  expect(await world.shop.cancel(canceled)).toBe(202);
  await world.finish(canceled);
  await age(canceled);
  const { checkout: expired } = await order(world, 1);
  await world.finish(expired);
  await age(expired);
  expect((await world.shop.read(confirmed)).status).toBe('confirmed');
  expect(await check()).toEqual({ checked: 3, healed: 0, findings: 0 });
  const { rows } = await world.pool.query('select checked, healed, findings from triple_check_runs');
  expect(rows).toEqual([{ checked: 3, healed: 0, findings: 0 }]);
});

test('a refund that a person made at Stripe, and whose events were lost, is written down', async () => {
  const checkout = await sold();
  await world.webhooks({ mode: 'drop' });
  await world.stripe.refunds.create({ payment_intent: checkout.payment_intent_id, amount: 700 });
  expect(await check()).toMatchObject({ healed: 1, findings: 0 });
  await until('the refund to be recorded', async () => {
    const { rows } = await world.pool.query<{ amount: number }>(
      'select amount_minor::int as amount from refunds where checkout_id = $1',
      [checkout.checkout_id],
    );
    return rows[0]?.amount === 700;
  });
  await world.webhooks({ mode: 'deliver' });
  expect(await check()).toMatchObject({ healed: 0, findings: 0 });
});

test('a row that somebody changed by hand contradicts the result of its run, and its money: incidents, once', async () => {
  const checkout = await sold();
  const client = await world.pool.connect();
  try {
    await client.query('begin');
    await client.query(`set local session_replication_role = replica`);
    await client.query(`update checkouts set status = 'refunded' where id = $1`, [checkout.checkout_id]);
    await client.query('commit');
  } finally {
    client.release();
  }
  expect(await check()).toMatchObject({ findings: 2 });
  expect(await world.incidents(checkout)).toEqual(['money_without_order', 'result_contradicts_row']);
  await check();
  expect(await world.incidents(checkout)).toHaveLength(2);
});
