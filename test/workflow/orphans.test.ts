// Step 2's activity against a checkout that moved on without it: what it created and nobody can use is cancelled at once.
import { randomUUID } from 'node:crypto';

import { MockActivityEnvironment } from '@temporalio/testing';
import type Stripe from 'stripe';

import { createStripeCreateActivities } from '../../activities';
import type { CreateOutcome } from '../../activities/create-payment';
import type { CheckoutPolicy } from '../../contracts/checkout';
import { createCheckoutBatches } from '../../db/checkout-batches';
import { bindPaymentIntent, closeUnboundCheckout, openCheckout } from '../../db/checkouts';
import { DEMO_PRODUCTS } from '../../db/seed';
import { startSimulator } from '../../local/stripe-simulator';
import { createStripe } from '../../platform/stripe';
import { createTestDatabase, type TestDatabase } from '../support/database';

const POLICY: CheckoutPolicy = {
  captureMethod: 'automatic',
  windowSeconds: 300,
  paymentAttemptsMax: 3,
  reclaimGraceSeconds: 600,
  endPaymentPauseMaxSeconds: 120,
};

let database: TestDatabase;
let simulator: Awaited<ReturnType<typeof startSimulator>>;
let stripe: Stripe;

beforeAll(async () => {
  database = await createTestDatabase();
  simulator = await startSimulator({ port: 0, dataDir: null });
  stripe = createStripe({ secretKey: 'sk_test_simulator', apiBase: simulator.url });
});
afterAll(async () => {
  await simulator.close();
  await database.drop();
});

async function open(checkoutId: string) {
  const lines = [{ dropProductId: DEMO_PRODUCTS.poster.id, quantity: 1 }];
  const input = { checkoutId, requestFingerprint: 'one', customerId: null, lines, ...POLICY };
  const opened = await openCheckout(database.pool, input);
  if (opened.outcome !== 'opened') throw new Error('The demo drop is sold out.');
  return opened;
}

function create(checkoutId: string, opened: Awaited<ReturnType<typeof open>>): Promise<CreateOutcome> {
  const { createPayment } = createStripeCreateActivities({
    pool: database.pool,
    batches: createCheckoutBatches(database.pool),
    stripe,
    holdfastEnv: database.holdfastEnv,
    policy: POLICY,
    holdMaxSeconds: 86_400,
    reservations: () => 'on',
    settlement: () => 'on',
    paymentMethodTypes: ['card'],
    createsPerSecond: 1_000,
    runs: {
      startSettlement: () => Promise.resolve(),
      isCheckoutRunning: () => Promise.resolve(true),
      readCheckoutRun: () => Promise.resolve({ state: 'running' }),
      signalCheckout: () => Promise.resolve(true),
      askCheckout: () => Promise.resolve(true),
      cancelByOperator: () => Promise.resolve(null),
      extendCheckout: () => Promise.resolve(null),
    },
  });
  return new MockActivityEnvironment().run(createPayment, {
    ...opened,
    checkoutId,
    n: 0,
    captureMethod: POLICY.captureMethod,
  });
}

async function statuses(checkoutId: string): Promise<Record<string, string>> {
  const { data } = await stripe.paymentIntents.list({ limit: 100 });
  const ours = data.filter(({ metadata }) => metadata['checkout_id'] === checkoutId);
  return Object.fromEntries(ours.map(({ id, status }) => [id, status]));
}

test('the checkout was closed meanwhile: closed, and the PaymentIntent is canceled', async () => {
  const checkoutId = randomUUID();
  const opened = await open(checkoutId);
  await closeUnboundCheckout(database.pool, {
    checkoutId,
    requestFingerprint: 'one',
    failureCode: 'payment_provider_unavailable',
  });
  expect(await create(checkoutId, opened)).toEqual({ outcome: 'closed' });
  expect(Object.values(await statuses(checkoutId))).toEqual(['canceled']);
});

test('another PaymentIntent was bound meanwhile: that one stands, and the new one is canceled', async () => {
  const checkoutId = randomUUID();
  const opened = await open(checkoutId);
  const { id } = await stripe.paymentIntents.create({
    amount: opened.amountMinor,
    currency: opened.currency,
    metadata: { holdfast_env: database.holdfastEnv, checkout_id: checkoutId },
  });
  await bindPaymentIntent(database.pool, { checkoutId, paymentIntentId: id });
  expect(await create(checkoutId, opened)).toEqual({ outcome: 'bound', paymentIntentId: id });
  const { [id]: bound, ...others } = await statuses(checkoutId);
  expect([bound, Object.values(others)]).toEqual(['requires_payment_method', ['canceled']]);
});
