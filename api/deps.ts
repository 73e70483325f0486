// Everything the API touches outside itself. Built in main.ts, or by a test.
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type Stripe from 'stripe';

import type { Config } from '../platform/config';
import type { Streams } from './streams';

export interface ApiDeps {
  pool: Pool;
  temporalClient: Client;
  stripe: Stripe;
  /** The installation's random id: events and PaymentIntents without it are not ours. */
  holdfastEnv: string;
  logger: Logger;
  metrics: Registry;
  /** Whoever builds them closes them before the server. */
  streams: Streams;
  settings: ApiSettings;
}

export interface ApiSettings {
  mode: Config['stripe']['mode'];
  publishableKey: string;
  /** Handed to the page so that it pays at the simulator; undefined with Stripe itself. */
  stripeApiBase: string | undefined;
  webhookSecrets: readonly string[];
  checkoutTokenSecret: string;
  adminToken: string;
  windowSeconds: number;
  inFlightMax: number;
  /** How long a buyer waits for `open` before the answer is `checkout_pending`. */
  openDeadlineMs: number;
  /** How long an operator waits for an operation's end before the answer is 202. */
  operationWaitMs: number;
}
