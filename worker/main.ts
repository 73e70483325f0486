// The worker process: everything that acts is put together here.
import type { Client } from '@temporalio/client';
import { DefaultLogger, Runtime, type Worker } from '@temporalio/worker';
import type { Logger } from 'pino';

import type { ActivityDeps } from '../activities';
import { SEARCH_ATTRIBUTES } from '../contracts/messages';
import { createCheckoutBatches } from '../db/checkout-batches';
import { recogniseInstallation } from '../db/installation';
import { createPool } from '../db/pool';
import type { ProcessConfig } from '../platform/config';
import { createLogger } from '../platform/logging';
import { collectProcessMetrics, createMetricsRegistry, startMetricsServer } from '../platform/metrics';
import { readProcessConfig } from '../platform/process-config';
import { createShutdown, type Shutdown } from '../platform/shutdown';
import { createStripe } from '../platform/stripe';
import { askStripeAccountId } from '../platform/stripe-account';
import { observeStripe } from '../platform/stripe-metrics';
import { prepareSdkMetrics, type SdkMetrics } from '../platform/temporal-metrics';
import { connectTemporalClient, connectTemporalWorker, ensureSearchAttributes } from '../platform/temporal';
import { startEventPoller } from './event-poller';
import { createCheckoutRuns } from './runs';
import { ensureSchedules } from './schedules';
import { showSwitches } from './switches';
import { createWorkerMetrics } from './worker-metrics';
import { createWorkers } from './workers';

const SHUTDOWN_MS = 8_000;
/** Local activities and the two Stripe queues share it; a hot row wants few connections (docs/architecture.md). */
const POOL_MAX = 8;

async function main(): Promise<void> {
  const config = readProcessConfig();
  const logger = createLogger({ name: 'worker', level: config.logLevel });
  const shutdown = createShutdown({ logger, timeoutMs: SHUTDOWN_MS });
  shutdown.listen();
  try {
    const sdkMetrics = await prepareSdkMetrics();
    installRuntime(logger, sdkMetrics);
    await start(config, logger, shutdown, sdkMetrics);
  } catch (err) {
    logger.fatal({ err }, 'worker could not start');
    await shutdown.stop('start failed').catch(() => undefined);
    process.exit(1);
  }
}

async function start(
  config: ProcessConfig,
  logger: Logger,
  shutdown: Shutdown,
  sdkMetrics: SdkMetrics,
): Promise<void> {
  const pool = createPool({
    connectionString: config.database.url,
    applicationName: 'holdfast-worker',
    max: POOL_MAX,
    log: logger,
  });
  shutdown.onStop('database', () => pool.end());

  let workers: Worker[] = [];
  const registry = createMetricsRegistry('worker');
  collectProcessMetrics(registry);
  const { observer, batchObserver } = createWorkerMetrics(registry, pool);
  showSwitches(registry, logger, config.switches);
  const metrics = await startMetricsServer({
    registry,
    port: config.metrics.workerPort,
    host: config.metrics.host,
    readMore: () => sdkMetrics.read(),
    isHealthy: () => workers.length > 0 && workers.every((worker) => worker.getState() === 'RUNNING'),
  });
  shutdown.onStop('metrics', () => metrics.close());

  const client = await prepareTemporal(config, shutdown);

  const batches = createCheckoutBatches(pool, batchObserver);
  shutdown.onStop('batches', () => batches.drain());
  const stripe = createStripe(config.stripe);
  observeStripe(registry, stripe);
  const holdfastEnv = await recogniseInstallation(pool, {
    stripeAccount: await askStripeAccountId(stripe, config.stripe, logger),
    temporalNamespace: config.temporal.namespace,
  });
  const { holdMaxSeconds, ...policy } = config.checkout;
  const native = await connectTemporalWorker(config.temporal);
  shutdown.onStop('temporal worker', () => native.close());
  const deps: ActivityDeps = {
    pool,
    batches,
    stripe,
    holdfastEnv,
    policy,
    holdMaxSeconds,
    paymentMethodTypes: config.stripe.paymentMethodTypes,
    createsPerSecond: config.stripe.createsPerSecond,
    reservations: () => config.switches.reservations,
    settlement: () => config.switches.settlement,
    runs: createCheckoutRuns(client),
    observer,
  };
  workers = await createWorkers({
    connection: native,
    namespace: config.temporal.namespace,
    deps,
  });

  const runs = workers.map((worker) => worker.run());
  shutdown.onStop('workers', async () => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    await Promise.all(runs);
  });
  if (config.stripe.webhookSecrets.length === 0) {
    const poller = startEventPoller(deps, logger);
    shutdown.onStop('event poller', () => poller.stop());
    logger.warn({ mode: config.stripe.mode }, 'no webhook secret: the events of stripe are polled every 3 s');
  }
  logger.info({ metrics_port: metrics.port, task_queues: workers.length }, 'worker ready');
  await Promise.all(runs);
}

/** A client of a namespace that has what our workflows need. */
async function prepareTemporal({ temporal }: ProcessConfig, shutdown: Shutdown): Promise<Client> {
  const { client, connection, close } = await connectTemporalClient(temporal);
  shutdown.onStop('temporal client', close);
  await ensureSearchAttributes(connection, temporal.namespace, SEARCH_ATTRIBUTES);
  await ensureSchedules(client);
  return client;
}

/** Two of the three workers run activities only, on purpose. */
const EXPECTED_WARNING = 'No workflows registered, not polling for workflow tasks';

/** The SDK's lines go through our logger: one format, one redaction. */
function installRuntime(logger: Logger, { telemetryOptions }: SdkMetrics): void {
  const level = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;
  Runtime.install({
    shutdownSignals: [],
    telemetryOptions,
    logger: new DefaultLogger('WARN', ({ level: at, message, meta }) => {
      logger[message === EXPECTED_WARNING ? 'debug' : level[at]]({ ...meta }, message);
    }),
  });
}

void main();
