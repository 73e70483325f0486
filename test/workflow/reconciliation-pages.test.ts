// Reconciliation over many pages: what Stripe could not deliver, what alone cannot be read, and where another attempt goes on.
import { randomUUID } from 'node:crypto';

import { MockActivityEnvironment } from '@temporalio/testing';

import { createStripeActivities } from '../../activities';
import { checkoutWorkflowId } from '../../contracts/ids';
import { createCheckoutBatches } from '../../db/checkout-batches';
import { closeUnboundCheckout } from '../../db/checkouts';
import { createCheckoutRuns } from '../../worker/runs';
import { getJson } from '../support/ledger';
import type { ReconcileReport } from '../../workflows/reconcile';
import { order } from '../support/orders';
import type { CreateBody } from '../support/shop';
import { until } from '../support/until';
import { POLICY, World } from '../support/world';

const PAGE = 200;

let world: World;

beforeAll(async () => {
  world = await World.open();
  await world.webhooks({ mode: 'drop' });
});
afterEach(async () => {
  expect(await world.brokenInvariants()).toEqual([]);
});
afterAll(() => world?.close());

let runs = 0;
/** By default Stripe's lists are empty: everything is younger than two minutes. */
const reconcile = (listedAgeSeconds = 120) => {
  runs += 1;
  return world.runInRealTime<ReconcileReport>('reconcile', `reconcile-pages-${runs}`, [{ listedAgeSeconds }]);
};

const age = (checkout: CreateBody) =>
  world.pool.query(`update checkouts set opened_at = opened_at - interval '1 minute' where id = $1`, [
    checkout.checkout_id,
  ]);

/** Paid, and nobody knows: no event was delivered and no run is left. */
async function orderLost(): Promise<CreateBody> {
  const { checkout } = await order(world, 1);
  await world.env.client.workflow.getHandle(checkoutWorkflowId(checkout.checkout_id)).terminate('test');
  expect((await world.pay(checkout)).body.status).toBe('succeeded');
  await age(checkout);
  return checkout;
}

const clearFaults = () => fetch(`${world.simulatorUrl}/_simulator/faults`, { method: 'DELETE' });

const countRows = async () => {
  const { rows } = await world.pool.query<{ n: number }>('select count(*)::int as n from checkouts');
  return rows[0]?.n ?? 0;
};

const lastReport = async () => {
  const { rows } = await world.pool.query<Record<string, number>>(
    'select checked, healed, events_taken, orphans_canceled, incidents from reconciliation_runs order by finished_at desc limit 1',
  );
  return rows[0];
};

test('events that Stripe could not deliver are taken in and handed on, once', async () => {
  const { checkout } = await order(world, 1);
  expect((await world.pay(checkout)).body.status).toBe('succeeded');
  expect(await reconcile(0)).toMatchObject({ eventsTaken: 1 });
  expect(await lastReport()).toMatchObject({ events_taken: 1 });
  await world.reach(checkout, 'confirmed');
  const { rows } = await world.pool.query('select type, outcome from webhook_events where checkout_id = $1', [
    checkout.checkout_id,
  ]);
  expect(rows).toEqual([{ type: 'payment_intent.succeeded', outcome: 'confirmed' }]);
  expect(await reconcile(0)).toMatchObject({ eventsTaken: 0, healed: 0 });
});

test('any number of pages: every checkout is looked at once, and the lost one among them is healed', async () => {
  await Promise.all(
    Array.from({ length: 2 * PAGE + 30 }, () =>
      closeUnboundCheckout(world.pool, {
        checkoutId: randomUUID(),
        requestFingerprint: 'one',
        failureCode: 'checkout_not_opened',
      }),
    ),
  );
  const lost = await orderLost();
  const rows = await countRows();
  expect(await reconcile()).toMatchObject({ checked: rows, incidents: 0 });
  expect(await lastReport()).toMatchObject({ checked: rows });
  await world.reach(lost, 'confirmed');
}, 120_000);

test('one payment that cannot be read holds up no other, and a person is told of it', async () => {
  const unreadable = await orderLost();
  const lost = [await orderLost(), await orderLost()];
  await world.fault({
    operation: 'payment_intents.retrieve',
    times: 1_000,
    effect: 'none',
    reply: { status: 404, code: 'resource_missing' },
    match: { id: unreadable.payment_intent_id },
  });
  await reconcile();
  for (const checkout of lost) await world.reach(checkout, 'confirmed');
  expect(await world.incidents(unreadable)).toContain('payment_unreadable');

  await clearFaults();
  await reconcile();
  await world.reach(unreadable, 'confirmed');
});

test('Stripe away: the page is tried again from the first that could not be read, and nothing is counted twice', async () => {
  const lost = [await orderLost(), await orderLost(), await orderLost(), await orderLost()];
  const rows = await countRows();
  await world.fault({
    operation: 'payment_intents.retrieve',
    times: 1_000,
    effect: 'none',
    reply: { status: 503 },
  });
  const report = reconcile();
  await until('a page to have failed', async () => {
    const { faults } = (await getJson(`${world.simulatorUrl}/_simulator/faults`)) as {
      faults: { applied: number }[];
    };
    return faults.some(({ applied }) => applied >= 4);
  });
  await clearFaults();
  const { checked } = await report;
  // At the end of a page two may be left to the next run: two alone do not say that Stripe is away.
  expect(checked).toBeGreaterThanOrEqual(rows - 2 * Math.ceil(rows / PAGE));
  expect(checked).toBeLessThanOrEqual(rows);
  await reconcile();
  for (const checkout of lost) await world.reach(checkout, 'confirmed');
});

test('another attempt goes on where the last heartbeat was, with its counts', async () => {
  const { rows } = await world.pool.query<{ id: string }>('select id from checkouts order by id');
  const done = rows.length - 3;
  const { reconcileCheckouts } = createStripeActivities({
    pool: world.pool,
    batches: createCheckoutBatches(world.pool),
    stripe: world.stripe,
    holdfastEnv: world.database.holdfastEnv,
    policy: POLICY,
    holdMaxSeconds: 86_400,
    paymentMethodTypes: ['card'],
    createsPerSecond: 1_000,
    reservations: () => 'on',
    settlement: () => 'on',
    runs: createCheckoutRuns(world.env.client),
  });
  const heartbeatDetails = { afterId: rows[done - 1]?.id, left: 50, checked: 150, healed: 7, incidents: 2 };
  const env = new MockActivityEnvironment({ heartbeatDetails });
  const told: { checked: number }[] = [];
  env.on('heartbeat', (details: { checked: number }) => told.push({ ...details }));
  expect(await env.run(reconcileCheckouts, { afterId: null })).toMatchObject({
    checked: 153,
    healed: 7,
    incidents: 2,
    nextAfterId: null,
  });
  expect(told.map(({ checked }) => checked)).toEqual([151, 152, 153]);
});
