// An operator acts while no worker runs, on the real server: it is taken up once one is back.
import { checkoutWorkflowId } from '../../contracts/ids';
import { cancelByOperatorUpdate } from '../../contracts/messages';
import { actOn, readAdmin, type OperationBody } from '../support/operator';
import { order } from '../support/orders';
import { until } from '../support/until';
import { World } from '../support/world';

let world: World;

beforeAll(async () => {
  world = await World.open({ server: 'dev-server', settings: { operationWaitMs: 4_000 } });
});
afterEach(async () => {
  expect(await world.brokenInvariants()).toEqual([]);
});
afterAll(() => world?.close());

test('a cancel that is asked for while all workers are gone goes on by itself', async () => {
  const placed = await order(world, 2);
  await world.stopWorkers();
  const running = await actOn(world, 'cancel', placed.checkout.checkout_id);
  expect([running.status, running.body.state]).toEqual([202, 'running']);
  await world.startWorkers();
  const done = await until('the operation to end', async () => {
    const path = `operations/${running.body.operation_id}`;
    const found = await readAdmin<OperationBody>(world, path).catch(() => null);
    return found?.state === 'done' && found;
  });
  expect(done).toMatchObject({ result: { status: 'canceled' }, before: { status: 'awaiting_payment' } });
  expect(await placed.stock()).toBe(placed.stockBefore);
  expect((await world.payment(placed.checkout)).status).toBe('canceled');
});

test('an answer is kept by the run: the same update again, after its end', async () => {
  const placed = await order(world, 2);
  const cancel = () =>
    actOn(world, 'cancel', placed.checkout.checkout_id, { key: 'the-same-operator-key-again' });
  const first = await cancel();
  expect(first.body.state).toBe('done');
  expect((await cancel()).body).toEqual(first.body);
  const updateId = first.body.operation_id;
  const run = world.env.client.workflow.getHandle(checkoutWorkflowId(placed.checkout.checkout_id));
  expect(await run.executeUpdate(cancelByOperatorUpdate, { updateId })).toEqual({ outcome: 'accepted' });
});
