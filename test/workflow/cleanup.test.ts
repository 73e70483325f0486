// The minute's upkeep by Temporal's clock: the schedule, the workflow, and what it leaves behind.
import { randomUUID } from 'node:crypto';

import { ScheduleOverlapPolicy } from '@temporalio/client';

import { CLEANUP_SCHEDULE_ID, INBOX_SWEEP_SCHEDULE_ID, MAIN_TASK_QUEUE } from '../../contracts/messages';
import { openCheckout } from '../../db/checkouts';
import { readMaintenanceHealth } from '../../db/cleanup';
import { DEMO_PRODUCTS } from '../../db/seed';
import { ensureSchedules } from '../../worker/schedules';
import { ageCheckout } from '../support/database';
import { addProduct } from '../support/orders';
import { until } from '../support/until';
import { World } from '../support/world';

let world: World;
beforeAll(async () => {
  world = await World.open({ server: 'dev-server' });
}, 60_000);
afterAll(() => world?.close());

test('any number of workers make sure of one schedule of each, which runs at once and every minute, never over itself', async () => {
  const { client } = world.env;
  await Promise.all([ensureSchedules(client), ensureSchedules(client), ensureSchedules(client)]);
  await ensureSchedules(client);
  const handle = client.schedule.getHandle(CLEANUP_SCHEDULE_ID);
  const { spec, policies, action } = await handle.describe();
  expect(spec.intervals).toMatchObject([{ every: 60_000 }]);
  expect(policies.overlap).toBe(ScheduleOverlapPolicy.SKIP);
  expect(action).toMatchObject({ type: 'startWorkflow', workflowType: 'cleanup' });
  const sweep = await client.schedule.getHandle(INBOX_SWEEP_SCHEDULE_ID).describe();
  expect(sweep).toMatchObject({
    spec: { intervals: [{ every: 30_000 }] },
    action: { workflowType: 'inbox_sweep' },
  });
  await until('the first run', async () =>
    (await readMaintenanceHealth(world.pool)).isOverdue ? null : true,
  );
});

test('a pause by an operator survives the next worker', async () => {
  const handle = world.env.client.schedule.getHandle(CLEANUP_SCHEDULE_ID);
  await handle.pause('maintenance');
  await ensureSchedules(world.env.client);
  expect((await handle.describe()).state.paused).toBe(true);
  await handle.unpause();
});

test('a run takes dead holds back, audits, and opens one incident for what it finds', async () => {
  const productId = await addProduct(world, 1);
  const checkoutId = randomUUID();
  await openCheckout(world.pool, {
    checkoutId,
    requestFingerprint: 'f',
    customerId: null,
    lines: [{ dropProductId: productId, quantity: 1 }],
    windowSeconds: 300,
    reclaimGraceSeconds: 600,
    paymentAttemptsMax: 3,
  });
  await ageCheckout(world.pool, checkoutId, 10_000);
  const run = () =>
    world.env.client.workflow.execute('cleanup', {
      taskQueue: MAIN_TASK_QUEUE,
      workflowId: `cleanup-${randomUUID()}`,
    });
  expect(await run()).toMatchObject({ released: 1, drift: 0 });
  await world.pool.query(
    'update drop_products set available_inventory = available_inventory - 1 where id = $1',
    [DEMO_PRODUCTS.poster.id],
  );
  expect(await run()).toMatchObject({ released: 0, drift: 2 });
  await run();
  const incidents = await world.pool.query("select detail from incidents where kind = 'inventory_drift'");
  expect(incidents.rows).toMatchObject([{ detail: { findings: 2 } }]);
  expect((await readMaintenanceHealth(world.pool)).drift).toBe(2);
});
