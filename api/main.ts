// The API process: everything that answers is put together here.
import type { Pool } from 'pg';
import type { Logger } from 'pino';

import { recogniseInstallation } from '../db/installation';
import { createPool } from '../db/pool';
import { requireCurrentSchema } from '../db/migrate';
import type { ProcessConfig } from '../platform/config';
import { readProcessConfig } from '../platform/process-config';
import { createLogger } from '../platform/logging';
import { collectProcessMetrics, createMetricsRegistry, startMetricsServer } from '../platform/metrics';
import { createShutdown } from '../platform/shutdown';
import type { Shutdown } from '../platform/shutdown';
import { createStripe } from '../platform/stripe';
import { askStripeAccountId } from '../platform/stripe-account';
import { observeStripe } from '../platform/stripe-metrics';
import { connectTemporalClient } from '../platform/temporal';
import { createApp } from './app';
import type { ApiDeps } from './deps';
import { startServer } from './server';
import { createStreams } from './streams';

const SHUTDOWN_MS = 7_500;
const DRAIN_MS = 5_000;
const POOL_MAX = 8;
/** DESIGN: a buyer waits 20 s for `open` at most; then the answer is `checkout_pending`. */
const OPEN_DEADLINE_MS = 20_000;
const OPERATION_WAIT_MS = 10_000;

async function main(): Promise<void> {
  const config = readProcessConfig();
  const logger = createLogger({ name: 'api', level: config.logLevel });
  const shutdown = createShutdown({ logger, timeoutMs: SHUTDOWN_MS });
  shutdown.listen();
  try {
    await start(config, logger, shutdown);
  } catch (err) {
    logger.fatal({ err }, 'api could not start');
    await shutdown.stop('start failed').catch(() => undefined);
    process.exit(1);
  }
}

async function start(config: ProcessConfig, logger: Logger, shutdown: Shutdown): Promise<void> {
  const pool = createPool({
    connectionString: config.database.url,
    applicationName: 'holdfast-api',
    max: POOL_MAX,
    log: logger,
  });
  shutdown.onStop('database', () => pool.end());
  await requireCurrentSchema(pool);

  const deps = await connect(config, logger, shutdown, pool);
  collectProcessMetrics(deps.metrics);
  const metrics = await startMetricsServer({
    registry: deps.metrics,
    port: config.metrics.apiPort,
    host: config.metrics.host,
    isHealthy: () => true,
  });
  shutdown.onStop('metrics', () => metrics.close());

  const server = await startServer(createApp(deps), config.api);
  shutdown.onStop('http', () => server.close(DRAIN_MS));
  shutdown.onStop('streams', () => deps.streams.close());
  logger.info({ port: server.port, metrics_port: metrics.port, mode: config.stripe.mode }, 'api ready');
}

/** Temporal is connected lazily: drops, checkouts and cleanup are served while it is away, and /readyz says so. */
async function connect(
  config: ProcessConfig,
  logger: Logger,
  shutdown: Shutdown,
  pool: Pool,
): Promise<ApiDeps> {
  const stripe = createStripe(config.stripe);
  const metrics = createMetricsRegistry('api');
  observeStripe(metrics, stripe);
  const holdfastEnv = await recogniseInstallation(pool, {
    stripeAccount: await askStripeAccountId(stripe, config.stripe, logger),
    temporalNamespace: config.temporal.namespace,
  });
  const { client, ...temporal } = await connectTemporalClient(config.temporal, { isLazy: true });
  shutdown.onStop('temporal client', () => temporal.close());
  return {
    pool,
    temporalClient: client,
    stripe,
    holdfastEnv,
    logger,
    metrics,
    streams: createStreams({ pool, logger, metrics }),
    settings: {
      mode: config.stripe.mode,
      publishableKey: config.stripe.publishableKey,
      stripeApiBase: config.stripe.apiBase,
      webhookSecrets: config.stripe.webhookSecrets,
      checkoutTokenSecret: config.secrets.checkoutTokenSecret,
      adminToken: config.secrets.adminToken,
      windowSeconds: config.checkout.windowSeconds,
      inFlightMax: config.api.inFlightMax,
      openDeadlineMs: OPEN_DEADLINE_MS,
      operationWaitMs: OPERATION_WAIT_MS,
    },
  };
}

void main();
