// What one happy sale costs: Temporal's history, SQL statements, calls to Stripe. On the real server.
import { checkoutWorkflowId } from '../../contracts/ids';
import { order } from '../support/orders';
import { World } from '../support/world';

const EVENTS_MAX = 24;
const STRIPE_CALLS_MAX = 3;
const STATEMENTS_MAX = 11;

let world: World;

beforeAll(async () => {
  world = await World.open({ server: 'dev-server' });
});
afterAll(() => world?.close());

test('a happy sale stays within its budget of history events, Stripe calls and SQL statements', async () => {
  const { productId } = await order(world, 1);
  const counted = world.countCalls();
  const checkout = await world.shop.open([{ drop_product_id: productId, quantity: 1 }]);
  expect((await world.pay(checkout)).body.status).toBe('succeeded');
  await world.finish(checkout);
  const { stripeCalls, statements } = counted.stop();

  const handle = world.env.client.workflow.getHandle(checkoutWorkflowId(checkout.checkout_id));
  const { events } = await handle.fetchHistory();
  const historyEvents = events?.length ?? Infinity;
  console.info(
    `A happy sale: ${historyEvents} history events, ${stripeCalls} Stripe calls, ${statements} SQL statements.`,
  );
  expect(historyEvents).toBeLessThanOrEqual(EVENTS_MAX);
  expect(stripeCalls).toBeLessThanOrEqual(STRIPE_CALLS_MAX);
  expect(statements).toBeLessThanOrEqual(STATEMENTS_MAX);
  expect(await world.brokenInvariants()).toEqual([]);
});
