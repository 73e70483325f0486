// The whole product on one machine: what stands in for real services first, then worker and API; ended in reverse.
import { join } from 'node:path';
import { startPostgres } from '../postgres';
import type { RunningPostgres } from '../postgres';
import type { Guardian } from '../processes/guardian';
import { resolveTemporalCli, startTemporal } from '../temporal/dev-server';
import type { RunningTemporal } from '../temporal/dev-server';
import { startChild } from './child';
import { localUrl, SIMULATOR_PUBLISHABLE_KEY, SIMULATOR_SECRET_KEY } from './plan';
import type { Plan } from './plan';
import type { Output } from './output';
import type { Secrets } from './secrets';
import { keepRunning } from './service';
import type { KeptPart, RunningPart } from './service';
import { registerWebhookEndpoint } from './webhook-endpoint';

/** What is ours and runs as a program of its own; replaced in tests. */
export interface Programs {
  /** Arguments of Node. */
  worker: string[];
  api: string[];
  simulator: string[];
  /** Brings the embedded database up to date. */
  prepareDatabase(url: string, log: (line: string) => void): Promise<void>;
}

export interface StackOptions {
  plan: Plan;
  root: string;
  secrets: Secrets;
  programs: Programs;
  guardian: Guardian;
  output: Output;
  /** Called whenever a part has started or ended. */
  onChange(): void;
}

export type PartName = 'postgres' | 'temporal' | 'stripe_simulator' | 'worker' | 'api';

/** Filled while the stack starts, so that a stop in the middle of it finds what is running. */
export interface Stack {
  parts: Map<PartName, KeptPart<RunningPart>>;
  urls: {
    api: string;
    temporalAddress: string;
    temporalUi: string | null;
    simulator: string | null;
    database: string;
  };
  publishableKey: string;
}

interface StripeAccess {
  secretKey: string;
  publishableKey: string;
  webhookSecrets: string[];
  apiBase: string | undefined;
}

/** Of the ten seconds that a stop may take: for worker and API, which finish what they began; then for the servers. */
const PROGRAMS_GRACE_MS = 7_000;
const SERVERS_GRACE_MS = 2_000;

export function emptyStack(plan: Plan): Stack {
  const { api, temporal, stripe, database } = plan.config;
  return {
    parts: new Map(),
    urls: {
      api: localUrl(api.host, plan.apiPort),
      temporalAddress: temporal.address ?? '',
      temporalUi: null,
      simulator: plan.runs.simulator ? localUrl('127.0.0.1', plan.simulatorPort) : null,
      database: database.url ?? '',
    },
    publishableKey: stripe.publishableKey ?? SIMULATOR_PUBLISHABLE_KEY,
  };
}

/** Starts everything into `stack`; returns once every part has answered. @throws the first fault */
export async function startStack(stack: Stack, options: StackOptions): Promise<void> {
  const [, , stripe] = await Promise.all([
    startDatabase(stack, options),
    startTemporalServer(stack, options),
    startStripe(stack, options),
  ]);
  await Promise.all([startWorker(stack, options, stripe), startApi(stack, options, stripe)]);
}

/** Ends everything within ten seconds, worker and API before the servers they need. */
export async function stopStack(stack: Stack): Promise<void> {
  await stopParts(stack, ['api', 'worker'], PROGRAMS_GRACE_MS);
  await stopParts(stack, ['stripe_simulator', 'temporal', 'postgres'], SERVERS_GRACE_MS);
}

async function stopParts(stack: Stack, names: PartName[], graceMs: number): Promise<void> {
  const parts = names.map((name) => stack.parts.get(name)).filter((part) => part !== undefined);
  await Promise.all(parts.map((part) => part.stop(graceMs)));
}

async function startDatabase(stack: Stack, options: StackOptions): Promise<void> {
  const { plan, guardian, output, programs } = options;
  if (!plan.runs.postgres) return;
  const log = output.of('postgres');
  let { postgres: port } = plan.config.ports;
  const postgres = await keep<RunningPostgres>(stack, options, 'postgres', async () => {
    const running = await startPostgres({ dataDir: plan.dataDir, port, log, guardian });
    port = running.port; // a restart keeps the port that the others know
    return running;
  });
  stack.urls.database = postgres.url;
  await programs.prepareDatabase(postgres.url, log);
  output.say(`PostgreSQL is ready on port ${postgres.port}.`);
}

async function startTemporalServer(stack: Stack, options: StackOptions): Promise<void> {
  const { plan, guardian, output } = options;
  if (!plan.runs.temporal) return;
  const log = output.of('temporal');
  const cli = await resolveTemporalCli({ log: output.say, guardian });
  output.say(`Temporal server from ${cli.way} (${cli.why}).`);
  let { temporal: port, temporalUi: uiPort } = plan.config.ports;
  const temporal = await keep<RunningTemporal>(stack, options, 'temporal', async () => {
    const running = await startTemporal({
      cliPath: cli.path,
      namespace: plan.config.temporal.namespace,
      dbPath: join(plan.dataDir, 'temporal', 'temporal.db'),
      port,
      uiPort,
      log,
      guardian,
    });
    port = running.port;
    uiPort = running.uiPort ?? uiPort;
    return running;
  });
  stack.urls.temporalAddress = temporal.address;
  stack.urls.temporalUi = temporal.uiUrl;
  output.say(`Temporal is ready on ${temporal.address}.`);
}

async function startStripe(stack: Stack, options: StackOptions): Promise<StripeAccess> {
  const { plan, output, programs } = options;
  const { stripe } = plan.config;
  const simulatorUrl = stack.urls.simulator;
  if (simulatorUrl === null)
    return {
      secretKey: stripe.secretKey ?? '',
      publishableKey: stack.publishableKey,
      webhookSecrets: stripe.webhookSecrets,
      apiBase: stripe.apiBase,
    };
  await startProgram(stack, options, 'stripe_simulator', {
    label: 'simulator',
    command: programs.simulator,
    readyUrl: `${simulatorUrl}/_simulator/webhook_endpoints`,
    env: {
      STRIPE_SIMULATOR_PORT: String(plan.simulatorPort),
      STRIPE_SIMULATOR_DATA_DIR: join(plan.dataDir, 'stripe-simulator'),
    },
  });
  const secret = await registerWebhookEndpoint({
    simulatorUrl,
    secretKey: SIMULATOR_SECRET_KEY,
    webhookUrl: `${stack.urls.api}/api/webhooks/stripe`,
  });
  output.say(`The Stripe simulator is ready on ${simulatorUrl}.`);
  return {
    secretKey: SIMULATOR_SECRET_KEY,
    publishableKey: SIMULATOR_PUBLISHABLE_KEY,
    webhookSecrets: [secret],
    apiBase: simulatorUrl,
  };
}

async function startWorker(stack: Stack, options: StackOptions, stripe: StripeAccess): Promise<void> {
  const { plan, programs } = options;
  await startProgram(stack, options, 'worker', {
    label: 'worker',
    command: programs.worker,
    readyUrl: `${localUrl(plan.config.metrics.host, plan.workerMetricsPort)}/healthz`,
    env: { ...sharedEnvironment(stack, options, stripe), METRICS_PORT: String(plan.workerMetricsPort) },
  });
}

async function startApi(stack: Stack, options: StackOptions, stripe: StripeAccess): Promise<void> {
  const { plan, programs } = options;
  await startProgram(stack, options, 'api', {
    label: 'api',
    command: programs.api,
    readyUrl: `${stack.urls.api}/readyz`,
    env: {
      ...sharedEnvironment(stack, options, stripe),
      METRICS_PORT: String(plan.apiMetricsPort - 1), // the API takes the port above the one it is told
    },
  });
}

/** Everything worker and API must agree on, complete, whatever the person's own environment leaves open. */
function sharedEnvironment(
  stack: Stack,
  { plan, secrets }: StackOptions,
  stripe: StripeAccess,
): NodeJS.ProcessEnv {
  return {
    DATABASE_URL: stack.urls.database,
    TEMPORAL_ADDRESS: stack.urls.temporalAddress,
    TEMPORAL_NAMESPACE: plan.config.temporal.namespace,
    STRIPE_SECRET_KEY: stripe.secretKey,
    STRIPE_PUBLISHABLE_KEY: stripe.publishableKey,
    STRIPE_WEBHOOK_SECRETS: stripe.webhookSecrets.join(','),
    ...(stripe.apiBase && { STRIPE_API_BASE: stripe.apiBase }),
    CHECKOUT_TOKEN_SECRET: secrets.checkoutTokenSecret,
    ADMIN_TOKEN: secrets.adminToken,
    API_PORT: String(plan.apiPort),
    HOLDFAST_DATA_DIR: plan.dataDir,
  };
}

async function startProgram(
  stack: Stack,
  options: StackOptions,
  name: PartName,
  program: { label: string; command: string[]; readyUrl: string; env: NodeJS.ProcessEnv },
): Promise<void> {
  const { root, output, guardian } = options;
  await keep(stack, options, name, () =>
    startChild({
      name: program.label,
      command: program.command,
      cwd: root,
      env: { ...process.env, ...program.env },
      readyUrl: program.readyUrl,
      onLine: output.of(program.label),
      guardian,
    }),
  );
}

async function keep<T extends RunningPart>(
  stack: Stack,
  { output, onChange }: StackOptions,
  name: PartName,
  start: () => Promise<T>,
): Promise<T> {
  const kept = await keepRunning({
    name,
    start,
    onChange,
    log: (line) => output.say(`${name}: ${line}`),
  });
  stack.parts.set(name, kept);
  onChange();
  return kept.first;
}
