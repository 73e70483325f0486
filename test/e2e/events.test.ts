// Events against processes that die at the wrong moment, and runs that a person has terminated. One stack of real processes.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';

import { checkoutWorkflowId } from '../../contracts/ids';
import { RECONCILE_SCHEDULE_ID } from '../../contracts/messages';
import { createStripe } from '../../platform/stripe';
import { makeDataDir, removeDataDir } from '../support/data-folder';
import { getJson } from '../support/ledger';
import { startSecondApi, type SecondApi } from '../support/second-api';
import type { CreateBody } from '../support/shop';
import { startStack, type Stack } from '../support/stack';
import { shopAt } from '../support/stack-shop';
import { until } from '../support/until';

jest.setTimeout(300_000);

const COPIES = 100;

let dataDir: string;
let stack: Stack;
let second: SecondApi;
let webhookSecret: string;

const shop = shopAt(() => stack);

beforeAll(async () => {
  dataDir = makeDataDir();
  stack = await startStack(dataDir, { PAYMENT_WINDOW_SECONDS: '240' });
  const { webhook_endpoints: endpoints } = (await getJson(
    `${stack.file().stripe_simulator}/_simulator/webhook_endpoints`,
  )) as { webhook_endpoints: { secret: string }[] };
  webhookSecret = endpoints[0]?.secret ?? '';
  second = await startSecondApi(stack, dataDir, webhookSecret);
});

afterEach(async () => {
  await shop.webhooks('deliver');
  expect(await shop.brokenInvariants()).toEqual([]);
});

afterAll(async () => {
  await second?.stop();
  await stack?.stop();
  removeDataDir(dataDir);
});

const stripe = () => createStripe({ secretKey: 'sk_test_simulator', apiBase: stack.file().stripe_simulator });

async function eventOf(checkout: CreateBody) {
  const { data } = await stripe().events.list({ type: 'payment_intent.succeeded', limit: 100 });
  const event = data.find(
    ({ data: { object } }) => 'id' in object && object.id === checkout.payment_intent_id,
  );
  if (event === undefined) throw new Error('Stripe has no such event.');
  return event;
}

interface StoredEvent {
  event_id: string;
  forwarded_at: Date | null;
  outcome: string | null;
}

/** Those that say it is paid; others come as well, and have no effect. */
async function storedEvents({ checkout_id: id }: CreateBody): Promise<StoredEvent[]> {
  const { rows } = await stack.pool.query<StoredEvent>(
    `select event_id, forwarded_at, outcome from webhook_events
     where checkout_id = $1 and type = 'payment_intent.succeeded'`,
    [id],
  );
  return rows;
}

async function signalsOf({ checkout_id: id }: CreateBody): Promise<number> {
  const { events } = await stack.temporal.workflow.getHandle(checkoutWorkflowId(id)).fetchHistory();
  return (events ?? []).filter(
    ({ workflowExecutionSignaledEventAttributes: signal }) => signal?.signalName === 'payment_event',
  ).length;
}

/** Sold once, paid once, judged once. */
async function expectOneEffect(checkout: CreateBody, productId: string): Promise<void> {
  const { order_id: orderId } = await shop.reach(checkout, 'confirmed');
  expect(orderId).toEqual(expect.any(String));
  const { rows } = await stack.pool.query('select 1 from orders where checkout_id = $1', [
    checkout.checkout_id,
  ]);
  expect(rows).toHaveLength(1);
  expect(await shop.paymentOf(checkout)).toMatchObject({ captured: checkout.amount, refunded: 0 });
  expect(await stack.shop.available(productId)).toBe(0);
  expect(await storedEvents(checkout)).toEqual([expect.objectContaining({ outcome: 'confirmed' })]);
}

async function order(): Promise<{ checkout: CreateBody; productId: string }> {
  const productId = await shop.addProduct();
  return { checkout: await shop.open(productId), productId };
}

const pay = async (checkout: CreateBody) => expect((await shop.pay(checkout)).body.status).toBe('succeeded');

test('a hundred copies at once over two APIs: a hundred times 2xx, one effect', async () => {
  await shop.webhooks('drop');
  const { checkout, productId } = await order();
  await pay(checkout);
  const payload = JSON.stringify(await eventOf(checkout));
  const signature = stripe().webhooks.generateTestHeaderString({ payload, secret: webhookSecret });
  const answers = await Promise.all(
    Array.from({ length: COPIES }, async (_, copy) => {
      const url = copy % 2 === 0 ? stack.file().api : second.url;
      const response = await fetch(`${url}/api/webhooks/stripe`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'stripe-signature': signature },
        body: payload,
      });
      return response.status;
    }),
  );
  expect(answers).toEqual(Array.from({ length: COPIES }, () => 200));
  await expectOneEffect(checkout, productId);
});

test('the API is killed after it stored an event, before it signalled: one effect', async () => {
  const { checkout, productId } = await order();
  await shop.kill('temporal');
  await pay(checkout);
  await until('the event to be stored', async () => (await storedEvents(checkout)).length === 1);
  expect(await storedEvents(checkout)).toMatchObject([{ forwarded_at: null, outcome: null }]);
  await shop.kill('api');
  await until('Temporal to be back', async () => (await signalsOf(checkout)) >= 0, 60_000);
  await expectOneEffect(checkout, productId);
  expect(await signalsOf(checkout)).toBe(1);
});

test('the API is killed after it signalled, before it answered: one effect', async () => {
  const { checkout, productId } = await order();
  const { temporal } = stack.file().pids;
  process.kill(temporal, 'SIGSTOP');
  const client = await stack.pool.connect();
  try {
    await pay(checkout);
    await until('the event to be stored', async () => (await storedEvents(checkout)).length === 1);
    await client.query('begin');
    await client.query(
      `select 1 from webhook_events where checkout_id = $1 and type = 'payment_intent.succeeded' for update`,
      [checkout.checkout_id],
    );
    process.kill(temporal, 'SIGCONT');
    await until('the signal to be accepted', async () => (await signalsOf(checkout)) === 1);
    expect(await storedEvents(checkout)).toMatchObject([{ forwarded_at: null, outcome: null }]);
    await shop.kill('api');
  } finally {
    process.kill(temporal, 'SIGCONT');
    await client.query('rollback');
    client.release();
  }
  await expectOneEffect(checkout, productId);
  const delivered = await until('the event to be acknowledged in the end', async () => {
    const { deliveries } = (await getJson(
      `${stack.file().stripe_simulator}/_simulator/deliveries?payment_intent=${checkout.payment_intent_id}&type=payment_intent.succeeded`,
    )) as { deliveries: { status: number | null }[] };
    return deliveries.some(({ status }) => status === 200) ? deliveries : null;
  }, 60_000); // prettier-ignore
  expect(delivered[0]?.status).toBeNull();
  expect(await signalsOf(checkout)).toBe(1);
});

const terminate = ({ checkout_id: id }: CreateBody) =>
  stack.temporal.workflow.getHandle(checkoutWorkflowId(id)).terminate('by hand');

/** Reconciliation leaves the youngest alone; what was opened by this test is made a minute older. */
const age = () =>
  stack.pool.query(
    `update checkouts set opened_at = opened_at - interval '1 minute' where closed_at is null`,
  );

const triggerReconciliation = () => stack.temporal.schedule.getHandle(RECONCILE_SCHEDULE_ID).trigger();

const reports = async () => {
  const { rows } = await stack.pool.query<{ healed: number; checked: number }>(
    'select healed, checked from reconciliation_runs order by finished_at',
  );
  return rows;
};

test('terminated while held and payable, while paid, and paid afterwards: settled without a person', async () => {
  const afterwards = await order();
  await terminate(afterwards.checkout);
  await pay(afterwards.checkout);
  await expectOneEffect(afterwards.checkout, afterwards.productId);

  await shop.webhooks('drop');
  const payable = await order();
  const paid = await order();
  await pay(paid.checkout);
  await terminate(payable.checkout);
  await terminate(paid.checkout);
  expect(await stack.shop.available(payable.productId)).toBe(0);
  await age();
  await triggerReconciliation();

  await shop.reach(paid.checkout, 'confirmed');
  await shop.reach(payable.checkout, 'canceled');
  expect(await shop.paymentOf(paid.checkout)).toMatchObject({ captured: paid.checkout.amount, refunded: 0 });
  expect(await shop.paymentOf(payable.checkout)).toMatchObject({ status: 'canceled', captured: 0 });
  expect(await stack.shop.available(payable.productId)).toBe(1);
});

test('the worker is killed in the middle of a reconciliation: another finds the rest, and the report counts each once', async () => {
  await shop.webhooks('drop');
  const orders = await Promise.all(Array.from({ length: 30 }, () => order()));
  for (const { checkout } of orders) {
    await pay(checkout);
    await terminate(checkout);
  }
  await age();
  // The clock's own run may be under way: it knows nothing of these yet, and its report would be taken for the one meant.
  const clock = stack.temporal.schedule.getHandle(RECONCILE_SCHEDULE_ID);
  await until(
    'no reconciliation to be under way',
    async () => (await clock.describe()).info.runningActions.length === 0,
    60_000,
  );
  const { rows } = await stack.pool.query<{ n: number }>(`select count(*)::int as n from checkouts`);
  const before = (await reports()).length;
  await triggerReconciliation();
  const confirmed = async () => {
    const { rows: found } = await stack.pool.query<{ n: number }>(
      `select count(*)::int as n from checkouts where id = any ($1) and status = 'confirmed'`,
      [orders.map(({ checkout }) => checkout.checkout_id)],
    );
    return found[0]?.n ?? 0;
  };
  await until('some to be healed', async () => (await confirmed()) >= 5);
  await shop.kill('worker');
  expect(await confirmed()).toBeLessThan(orders.length);
  await until('all to be healed', async () => (await confirmed()) === orders.length, 150_000);
  const last = await until('its report', async () => (await reports())[before], 60_000);
  expect(last).toMatchObject({ checked: rows[0]?.n });
});

test('the triple check of everything that ended here finds no contradiction', async () => {
  await stack.pool.query(
    `update checkouts set closed_at = closed_at - interval '2 minutes' where closed_at is not null`,
  );
  const { rows } = await stack.pool.query<{ n: number }>(
    'select count(*)::int as n from checkouts where closed_at is not null',
  );
  const { stdout } = await promisify(execFile)('npm', ['run', '--silent', 'check:triple'], {
    cwd: resolve(__dirname, '../..'),
    env: { ...process.env, HOLDFAST_DATA_DIR: dataDir },
    timeout: 120_000,
  });
  expect(stdout).toContain(
    `${rows[0]?.n} closed checkouts compared, 0 handed to settlement, 0 contradictions.`,
  );
});

test("every number of both processes, the Temporal SDK's too, is in docs/operations.md", async () => {
  const documented = readFileSync(resolve(__dirname, '../../docs/operations.md'), 'utf8');
  for (const [process, own] of [
    ['api', 'holdfast_webhook_events_total'],
    ['worker', 'temporal_request_total'],
  ] as const) {
    const port = [...stack.output().matchAll(new RegExp(`${process} ready .*"metrics_port":(\\d+)`, 'g'))].at(
      -1,
    )?.[1];
    const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const names = [...page.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name);
    expect(names).toContain(own);
    expect(new Set(names).size).toBe(names.length);
    const isNodes = (name: string) => /^(process|nodejs)_/.test(name);
    expect(names.filter((name) => !isNodes(name) && !documented.includes(`\`${name}\``))).toEqual([]);
  }
});
