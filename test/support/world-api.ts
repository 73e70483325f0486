// The API of a world over HTTP, with the simulator's webhooks pointed at it; and how a world may differ from the product's defaults.
import type { Client } from '@temporalio/client';
import pino from 'pino';
import { Registry } from 'prom-client';
import type Stripe from 'stripe';

import { createApp } from '../../api/app';
import type { ApiSettings } from '../../api/deps';
import { startServer } from '../../api/server';
import { createStreams } from '../../api/streams';
import type { CheckoutPolicy } from '../../contracts/checkout';
import type { TestDatabase } from './database';
import type { TemporalServer } from './temporal-environment';

export const PUBLISHABLE_KEY = 'pk_test_simulator';
export const ADMIN_TOKEN = 'admin-token-of-this-test';

export interface WorldOptions {
  server?: TemporalServer;
  policy?: Partial<CheckoutPolicy>;
  holdMaxSeconds?: number;
  settings?: Partial<ApiSettings>;
  createsPerSecond?: number;
  paymentMethodTypes?: string[];
}

export const POLICY: CheckoutPolicy = {
  windowSeconds: 300,
  paymentAttemptsMax: 3,
  reclaimGraceSeconds: 600,
  endPaymentPauseMaxSeconds: 120,
  captureMethod: 'automatic',
};

/** Resolves once it listens and Stripe delivers to it. */
export async function openApi(
  client: Client,
  database: TestDatabase,
  simulatorUrl: string,
  stripe: Stripe,
  options: WorldOptions,
) {
  const webhookSecrets: string[] = [];
  const logger = pino({ level: 'silent' });
  const metrics = new Registry();
  const streams = createStreams({ pool: database.pool, logger, metrics });
  const app = createApp({
    pool: database.pool,
    temporalClient: client,
    stripe,
    holdfastEnv: database.holdfastEnv,
    logger,
    metrics,
    streams,
    settings: {
      mode: 'simulator',
      publishableKey: PUBLISHABLE_KEY,
      stripeApiBase: simulatorUrl,
      webhookSecrets,
      checkoutTokenSecret: 'token-secret-of-this-test',
      adminToken: ADMIN_TOKEN,
      windowSeconds: options.policy?.windowSeconds ?? POLICY.windowSeconds,
      inFlightMax: 200,
      openDeadlineMs: 20_000,
      operationWaitMs: 10_000,
      ...options.settings,
    },
  });
  const api = await startServer(app, { port: 0, host: '127.0.0.1' });
  const endpoint = await stripe.webhookEndpoints.create({
    url: `http://127.0.0.1:${api.port}/api/webhooks/stripe`,
    enabled_events: ['*'],
  });
  webhookSecrets.push(endpoint.secret ?? '');
  return {
    port: api.port,
    close: async (drainMs: number) => {
      await streams.close();
      await api.close(drainMs);
    },
  };
}
