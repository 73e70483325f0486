// How fast creates reach Stripe when everybody comes at once: two worker processes, the real Temporal server, and the
// simulator counting.
import { getJson } from '../support/ledger';
import { addProduct } from '../support/orders';
import { startWorkerProcess, type WorkerProcess } from '../support/worker-process';
import { World } from '../support/world';

const PER_SECOND = 5;
const BUYERS = 30;

let world: World;
let workers: WorkerProcess[];

beforeAll(async () => {
  world = await World.open({ server: 'dev-server', createsPerSecond: PER_SECOND });
  await world.stopWorkers();
  const env = { STRIPE_CREATES_PER_SECOND: String(PER_SECOND), CHECKOUTS_IN_FLIGHT_MAX: '50' };
  workers = await Promise.all([startWorkerProcess(world, env), startWorkerProcess(world, env)]);
});
afterAll(async () => {
  await Promise.all((workers ?? []).map((worker) => worker.stop()));
  await world?.close();
});

interface Calls {
  requests: { at_ms: number; status: number | null }[];
}

const creates = async () =>
  ((await getJson(`${world.simulatorUrl}/_simulator/requests?operation=payment_intents.create`)) as Calls)
    .requests;

test('two workers together stay below the rate in every window, and what Stripe refuses as too fast is repeated', async () => {
  const productId = await addProduct(world, BUYERS);
  await world.fault({
    operation: 'payment_intents.create',
    times: 5,
    skip: 5,
    effect: 'none',
    reply: { status: 429, code: 'rate_limit' },
  });
  const buyers = Array.from({ length: BUYERS }, (_, index) => `a-buyer-in-a-hurry-${index}`);
  const answers = await Promise.all(
    buyers.map((key) => world.shop.create([{ drop_product_id: productId, quantity: 1 }], key)),
  );
  const opened = answers.filter(({ status }) => status === 201);
  const calls = await creates();
  expect(calls.filter(({ status }) => status === 429)).toHaveLength(5);
  expect(opened.length).toBe(BUYERS);
  expect(overRate(calls)).toBeLessThan(PER_SECOND);
});

/** The most that any window of s seconds saw beyond `rate x s`: windows begin and end at calls, or hold more than they need. */
function overRate(calls: Calls['requests']): number {
  const times = calls.map(({ at_ms: atMs }) => atMs).toSorted((a, b) => a - b);
  let most = 0;
  for (const [first, from] of times.entries()) {
    for (let last = first; last < times.length; last += 1) {
      const seconds = ((times[last] ?? from) - from) / 1000;
      most = Math.max(most, last - first + 1 - PER_SECOND * seconds);
    }
  }
  return most;
}
