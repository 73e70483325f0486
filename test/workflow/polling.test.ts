// No webhook at all: what Stripe tells when it is asked has the same effect, once.
import { pollEvents } from '../../activities/poll-events';
import { createCheckoutRuns } from '../../worker/runs';
import { order } from '../support/orders';
import { until } from '../support/until';
import { World } from '../support/world';

let world: World;

beforeAll(async () => {
  world = await World.open();
  await world.webhooks({ mode: 'drop' });
});
beforeEach(() => passSeconds(60));
afterEach(async () => {
  expect(await world.brokenInvariants()).toEqual([]);
});
afterAll(() => world?.close());

const told: string[] = [];

const poll = (runs = createCheckoutRuns(world.env.client)) =>
  pollEvents(
    { pool: world.pool, stripe: world.stripe, holdfastEnv: world.database.holdfastEnv, runs },
    { tell: (message) => void told.push(message) },
  );

/** The next turn is due; the cursor stays. */
const passSeconds = (seconds: number) =>
  world.pool.query('update event_polling set due_at = due_at - make_interval(secs => $1)', [seconds]);

const cursor = async () => {
  const { rows } = await world.pool.query<{ seen_until: Date | null }>(
    'select seen_until from event_polling',
  );
  return rows[0]?.seen_until ?? null;
};

const count = async (where: string) => {
  const { rows } = await world.pool.query<{ n: number }>(
    `select count(*)::int as n from webhook_events where ${where}`,
  );
  return rows[0]?.n ?? 0;
};

test('a declined card, then a paid one: counted and confirmed, by asking alone', async () => {
  const { checkout, stock, stockBefore } = await order(world, 1);
  expect((await world.pay(checkout, 'pm_card_visa_chargeDeclined')).status).toBe(402);
  expect(await poll()).toBe('polled');
  await until('the decline to be counted', async () => (await world.shop.read(checkout)).attempts === 1);
  expect((await world.pay(checkout)).body.status).toBe('succeeded');
  await passSeconds(3);
  expect(await poll()).toBe('polled');
  await world.reach(checkout, 'confirmed');
  expect(await stock()).toBe(stockBefore - 1);

  await world.stripe.refunds.create({ payment_intent: checkout.payment_intent_id, amount: 500 });
  await passSeconds(3);
  await poll();
  await until('the refund made at Stripe to be recorded', async () => {
    const { rows } = await world.pool.query('select 1 from refunds where checkout_id = $1', [
      checkout.checkout_id,
    ]);
    return rows.length === 1;
  });
});

test('several workers asking at once read once, and nothing is handed on twice', async () => {
  const { checkout } = await order(world, 1);
  expect((await world.pay(checkout)).body.status).toBe('succeeded');
  const answers = await Promise.all(Array.from({ length: 6 }, () => poll()));
  expect(answers.filter((answer) => answer === 'polled')).toHaveLength(1);
  await world.reach(checkout, 'confirmed');
});

test('an event that shows up later than it is dated is found', async () => {
  const { checkout } = await order(world, 1);
  expect((await world.pay(checkout)).body.status).toBe('succeeded');
  await world.pool.query(`update event_polling set seen_until = clock_timestamp() + interval '200 seconds'`);
  await poll();
  await world.reach(checkout, 'confirmed');
});

test('more events than one page, of another system: stored as ignored, and nothing else is done about them', async () => {
  const before = await count(`outcome = 'ignored'`);
  const payments = await Promise.all(
    Array.from({ length: 130 }, () =>
      world.stripe.paymentIntents.create({
        amount: 100,
        currency: 'usd',
        metadata: { holdfast_env: 'another', checkout_id: '0f9a1c9e-1111-8111-8111-00000000000a' },
      }),
    ),
  );
  await Promise.all(payments.map(({ id }) => world.stripe.paymentIntents.cancel(id)));
  expect(await poll()).toBe('polled');
  expect((await count(`outcome = 'ignored'`)) - before).toBe(130);
  expect(await count(`outcome = 'ignored' and (checkout_id is not null or forwarded_at is not null)`)).toBe(
    0,
  );
});

test.each([
  ['answers 500', { times: 1, reply: { status: 500 } }],
  ['cuts its answer short', { times: 1, reply: 'truncate' }],
  // The SDK itself asks once more after that.
  ['hangs up', { times: 2, reply: 'drop' }],
])('Stripe %s: the cursor stays, and the next poll finds everything', async (_what, fault) => {
  const { checkout } = await order(world, 1);
  await poll();
  const seen = await cursor();
  expect((await world.pay(checkout)).body.status).toBe('succeeded');
  await world.fault({ operation: 'events.list', effect: 'none', ...fault });
  await passSeconds(3);
  expect(await poll()).toBe('failed');
  expect(await cursor()).toEqual(seen);
  expect(await poll()).toBe('not_due');
  await passSeconds(3);
  expect(await poll()).toBe('polled');
  await world.reach(checkout, 'confirmed');
});

test('ten minutes without an answer call a person, once', async () => {
  await world.fault({ operation: 'events.list', times: 3, effect: 'none', reply: { status: 503 } });
  for (let failure = 0; failure < 3; failure += 1) {
    await passSeconds(60);
    expect(await poll()).toBe('failed');
    await world.pool.query(`update event_polling set failing_since = failing_since - interval '6 minutes'`);
  }
  const { rows } = await world.pool.query(`select 1 from incidents where kind = 'events_not_polled'`);
  expect(rows).toHaveLength(1);
  await passSeconds(60);
  expect(await poll()).toBe('polled');
});

test('Temporal away: stored, and handed on by the next poll', async () => {
  const { checkout } = await order(world, 1);
  expect((await world.pay(checkout)).body.status).toBe('succeeded');
  const away = () => Promise.reject(new Error('Temporal is away'));
  expect(
    await poll({ ...createCheckoutRuns(world.env.client), signalCheckout: away, startSettlement: away }),
  ).toBe('polled');
  expect(await count(`checkout_id = '${checkout.checkout_id}' and forwarded_at is null`)).toBeGreaterThan(0);
  expect((await world.shop.read(checkout)).status).toBe('awaiting_payment');
  await passSeconds(3);
  await poll();
  await world.reach(checkout, 'confirmed');
});
