// The product's activities without Temporal around them: real PostgreSQL, the simulator over HTTP, the real SDK.
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { randomUUID } from 'node:crypto';

import { createStripeActivities, createStripeCreateActivities } from '../../activities';
import type { CreateInput } from '../../activities/stripe-calls';
import type { CaptureMethod } from '../../contracts/checkout';
import { createCheckoutBatches } from '../../db/checkout-batches';
import { openCheckout } from '../../db/checkouts';
import { startSimulator } from '../../local/stripe-simulator';
import { createStripe } from '../../platform/stripe';
import { createTestDatabase } from './database';
import { postJson, readLedger } from './ledger';

/** More than any call here takes; one that does not end fails its test. */
const ATTEMPTS_MAX = 6;
const UNITS = 10;
const PRICE_MINOR = 2_500;

export interface Sale extends CreateInput {
  productId: string;
  /** Empty until the payment is created. */
  paymentIntentId: string;
}

export type Till = Awaited<ReturnType<typeof openTill>>;

/** What an activity does to a sale under `n`; answers how it ended, or that it goes on under the next n. */
export type Attempt = (sale: Sale, n: number) => Promise<{ outcome: string }>;

export async function openTill() {
  const database = await createTestDatabase();
  const { pool, holdfastEnv } = database;
  const simulator = await startSimulator({ port: 0, dataDir: null });
  const stripe = createStripe({ secretKey: 'sk_test_simulator', apiBase: simulator.url });
  const noRuns = () => Promise.reject(new Error('There is no Temporal here.'));
  const deps = {
    pool,
    batches: createCheckoutBatches(pool),
    stripe,
    holdfastEnv,
    policy: {
      windowSeconds: 300,
      paymentAttemptsMax: 3,
      reclaimGraceSeconds: 600,
      endPaymentPauseMaxSeconds: 120,
      captureMethod: 'automatic' as CaptureMethod,
    },
    holdMaxSeconds: 86_400,
    paymentMethodTypes: ['card'],
    createsPerSecond: 1_000,
    reservations: () => 'on' as const,
    settlement: () => 'on' as const,
    runs: {
      startSettlement: noRuns,
      isCheckoutRunning: noRuns,
      signalCheckout: noRuns,
      askCheckout: noRuns,
      cancelByOperator: noRuns,
      extendCheckout: noRuns,
      readCheckoutRun: noRuns,
    },
  };
  return {
    pool,
    stripe,
    activities: { ...createStripeActivities(deps), ...createStripeCreateActivities(deps) },
    fault: (fault: Record<string, unknown>) => postJson(`${simulator.url}/_simulator/faults`, fault),
    clearFaults: () => fetch(`${simulator.url}/_simulator/faults`, { method: 'DELETE' }),

    /** One unit is held, and nothing is at Stripe yet. */
    async reserve(captureMethod: CaptureMethod = 'automatic'): Promise<Sale> {
      const { rows } = await pool.query<{ id: string }>(
        `insert into drop_products (drop_id, name, unit_price_minor, total_inventory)
         select id, 'Test product', $1, $2 from drops order by opens_at limit 1 returning id`,
        [PRICE_MINOR, UNITS],
      );
      const productId = rows[0]?.id ?? '';
      const checkoutId = randomUUID();
      const opened = await openCheckout(pool, {
        checkoutId,
        requestFingerprint: 'fingerprint',
        customerId: null,
        lines: [{ dropProductId: productId, quantity: 1 }],
        ...deps.policy,
      });
      if (opened.outcome !== 'opened') throw new Error(`not opened: ${opened.failureCode}`);
      const { amountMinor, currency, reservationIds, openedAtUnixSeconds } = opened;
      const due = { amountMinor, currency, reservationIds, openedAtUnixSeconds };
      return { checkoutId, n: 0, ...due, captureMethod, productId, paymentIntentId: '' };
    },

    /**
     * What Temporal and the workflow do: an error is the same arguments again, `again` is the next n. Answers how it ended,
     * and the n of every request with a key that left for this sale.
     */
    async drive(sale: Sale, attempt: Attempt): Promise<{ end: string; keys: string[] }> {
      const keys: string[] = [];
      const prefix = `${holdfastEnv}:${sale.checkoutId}:`;
      const onRequest = ({ idempotency_key: key }: { idempotency_key?: string }) => {
        if (key?.startsWith(prefix)) keys.push(key.slice(prefix.length));
      };
      stripe.on('request', onRequest);
      try {
        let n = 0;
        for (let i = 0; i < ATTEMPTS_MAX; i += 1) {
          const answer = await attemptOnce(() => attempt(sale, n));
          if (answer === 'again') n += 1;
          else if (answer !== 'error') return { end: answer, keys };
        }
        return { end: 'no end', keys };
      } finally {
        stripe.off('request', onRequest);
      }
    },

    /** Money by the simulator's ledger, stock and status by the database. */
    async look({ checkoutId, productId }: Sale) {
      const { payment_intents: payments, refunds } = await readLedger(simulator.url);
      const own = payments.filter(({ metadata }) => metadata['checkout_id'] === checkoutId);
      const { rows } = await pool.query<{ status: string; units_taken: number; incidents: string[] }>(
        `select c.status, p.total_inventory - p.available_inventory as units_taken,
           array(select kind from incidents where checkout_id = c.id order by kind) as incidents
         from checkouts c, drop_products p where c.id = $1 and p.id = $2`,
        [checkoutId, productId],
      );
      return {
        ...rows[0],
        payments: own.map(({ status, captured, refunded }) => ({ status, captured, refunded })),
        refunds: refunds.filter((refund) => own.some(({ id }) => id === refund.payment_intent)).length,
      };
    },

    async close(): Promise<void> {
      await simulator.close();
      await database.drop();
    },
  };
}

/** `error` where Temporal would try again; an error that it would not try again fails the test. */
async function attemptOnce(attempt: () => Promise<{ outcome: string }>): Promise<string> {
  try {
    const info = { scheduledTimestampMs: Date.now() };
    const env = new MockActivityEnvironment(info, { logger: new DefaultLogger('ERROR') });
    const answer = (await env.run(attempt)) as { outcome: string };
    return answer.outcome;
  } catch (error) {
    if (error instanceof ApplicationFailure && error.nonRetryable !== true) return 'error';
    throw error;
  }
}
