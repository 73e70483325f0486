// The view of the calls that arrived: what a test of rates and of repeated calls counts with.

import { until } from '../support/until';
import { ORDER, rejection, startTestSimulator } from './support';
import type { TestSimulator } from './support';

interface RequestsView {
  calls: number;
  by_operation: Record<string, number>;
  by_status: Record<string, number>;
  busiest_window?: { seconds: number; calls: number; from_ms: number };
  requests: {
    at_ms: number;
    operation: string;
    status: number | null;
    idempotency_key: string | null;
    replayed: boolean;
  }[];
}

let simulator: TestSimulator;
beforeAll(async () => {
  simulator = await startTestSimulator();
});
afterAll(() => simulator.close());

const view = async (query = '') =>
  (await simulator.control('GET', `requests${query}`)) as unknown as RequestsView;

test('every call is counted by operation, key and answer', async () => {
  const { stripe } = simulator;
  const startedMs = Date.now();
  const key = { idempotencyKey: 'counted:1' };
  const { id } = await stripe.paymentIntents.create(ORDER, key);
  await stripe.paymentIntents.create(ORDER, key);
  await rejection(stripe.paymentIntents.create({ amount: 1, currency: 'usd' }));
  await stripe.paymentIntents.retrieve(id);
  await rejection(stripe.customers.create({}));
  await until('the answers', async () => (await view()).by_status['unanswered'] === undefined);
  const all = await view();
  expect(all).toMatchObject({
    calls: 5,
    by_operation: { 'payment_intents.create': 3, 'payment_intents.retrieve': 1, unknown: 1 },
    by_status: { '200': 3, '400': 1, '404': 1 },
  });
  expect(all).not.toHaveProperty('busiest_window');
  const creates = await view('?operation=payment_intents.create&window_seconds=1');
  expect(creates.requests).toMatchObject([
    { idempotency_key: 'counted:1', replayed: false, status: 200 },
    { idempotency_key: 'counted:1', replayed: true, status: 200 },
    { replayed: false, status: 400 },
  ]);
  expect(creates.requests[0]?.at_ms).toBeGreaterThanOrEqual(startedMs);
  const first = creates.requests[0]?.at_ms ?? 0;
  const last = creates.requests[2]?.at_ms ?? 0;
  if (last - first < 1_000) expect(creates.busiest_window).toMatchObject({ seconds: 1, calls: 3 });
});

test('a call whose connection was cut stays unanswered, and the view can be emptied', async () => {
  await simulator.control('DELETE', 'requests');
  await simulator.control('POST', 'faults', {
    operation: 'payment_intents.create',
    times: 1,
    effect: 'executed',
    reply: 'truncate',
  });
  await rejection(simulator.stripe.paymentIntents.create(ORDER));
  expect((await view()).requests).toMatchObject([{ operation: 'payment_intents.create', status: null }]);
  await simulator.control('DELETE', 'requests');
  expect((await view()).calls).toBe(0);
});

test('a window that is no number is refused by name', async () => {
  for (const wrong of ['x', '0', '3601']) {
    const { error } = await simulator.control('GET', `requests?window_seconds=${wrong}`);
    expect(error).toMatchObject({ param: 'window_seconds' });
  }
});
