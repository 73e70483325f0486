// A worker that is lost while Stripe's answer to a refund is on its way. On the dev server: the time-skipping one goes on
// counting the lost attempt as work under way.
import { reachOrder, refundOrder, sell, stripeRefunds } from '../support/refunds';
import { until } from '../support/until';
import { startWorkerProcess } from '../support/worker-process';
import { World } from '../support/world';

/** The lost attempt has 30 s. */
const NEXT_ATTEMPT_MS = 45_000;

jest.setTimeout(150_000);

let world: World;

beforeAll(async () => {
  world = await World.open({ server: 'dev-server' });
});
afterAll(() => world?.close());

test('the reply to a part is lost with its worker: exactly one refund', async () => {
  const placed = await sell(world);
  await world.fault({ operation: 'refunds.create', effect: 'executed', reply: 'hang' });
  await refundOrder(world, placed, { amountMinor: 500 });
  await until('the refund to be made', async () => (await stripeRefunds(world, placed)).length === 1);
  await world.cutWorkersOff();
  await world.startWorkers();
  await reachOrder(world, placed, 'partially_refunded', NEXT_ATTEMPT_MS);
  expect(await stripeRefunds(world, placed)).toMatchObject([{ amount: 500 }]);
  expect(await world.brokenInvariants()).toEqual([]);
});

test('the reply to a refund is lost, and its worker is killed: exactly one refund', async () => {
  const placed = await sell(world);
  await world.stopWorkers();
  const first = await startWorkerProcess(world);
  await world.fault({ operation: 'refunds.create', effect: 'executed', reply: 'hang' });
  await refundOrder(world, placed);
  await until('the refund to be made', async () => (await stripeRefunds(world, placed)).length === 1);
  await first.kill();
  const second = await startWorkerProcess(world);
  await reachOrder(world, placed, 'refunded', NEXT_ATTEMPT_MS);
  await second.stop();
  expect(await stripeRefunds(world, placed)).toMatchObject([{ amount: placed.checkout.amount }]);
  expect(await world.brokenInvariants()).toEqual([]);
  await world.startWorkers();
});
