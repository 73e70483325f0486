// Configuration: reads the environment once, answers every fault at once, and gives the process one typed object.
import { crossFaults, environmentSchema, isLiveKey } from './environment';
import type { Environment } from './environment';

export interface TemporalTls {
  certPath?: string;
  keyPath?: string;
  caPath?: string;
  serverName?: string;
}

export interface TemporalConfig {
  /** Undefined asks the supervisor to run a dev server. */
  address: string | undefined;
  namespace: string;
  apiKey?: string;
  tls?: TemporalTls;
}

export interface StripeConfig {
  secretKey: string | undefined;
  publishableKey: string | undefined;
  /** Empty: the worker polls Stripe's events instead. */
  webhookSecrets: string[];
  apiBase: string | undefined;
  mode: 'simulator' | 'test' | 'live';
  createsPerSecond: number;
  paymentMethodTypes: string[];
}

export interface CheckoutConfig {
  windowSeconds: number;
  paymentAttemptsMax: number;
  reclaimGraceSeconds: number;
  holdMaxSeconds: number;
  endPaymentPauseMaxSeconds: number;
  captureMethod: 'automatic' | 'manual';
}

/** What an operator turns for a bad day (docs/operations.md). */
export interface SwitchesConfig {
  reservations: 'on' | 'check-only';
  settlement: 'on' | 'paused';
}

export interface Config {
  logLevel: string;
  dataDir: string;
  api: { port: number; host: string; inFlightMax: number };
  /** Both 0 when METRICS_PORT is 0: each process then picks a free port. */
  metrics: { workerPort: number; apiPort: number; host: string };
  database: { url: string | undefined };
  temporal: TemporalConfig;
  stripe: StripeConfig;
  checkout: CheckoutConfig;
  switches: SwitchesConfig;
  secrets: { checkoutTokenSecret: string | undefined; adminToken: string | undefined };
  ports: { temporal: number; temporalUi: number; stripeSimulator: number; postgres: number };
}

/** What worker and API run on: everything that the supervisor fills in is there. */
export interface ProcessConfig extends Config {
  database: { url: string };
  temporal: TemporalConfig & { address: string };
  stripe: StripeConfig & { secretKey: string; publishableKey: string };
  secrets: { checkoutTokenSecret: string; adminToken: string };
}

/** Its message lists every fault, one a line, each beginning with the variable's name. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(faults.join('\n'));
    this.faults = faults;
  }
}

/** Reads and checks the environment. @throws ConfigError naming every fault; no message repeats a value. */
export function loadConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const given = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = environmentSchema.safeParse(given);
  if (!parsed.success) {
    throw new ConfigError(parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`));
  }
  const faults = crossFaults(parsed.data);
  if (faults.length > 0) throw new ConfigError(faults.map((fault) => `${fault.name} ${fault.rule}`));
  return toConfig(parsed.data);
}

/**
 * Narrows a configuration to what worker and API need.
 * @throws ConfigError naming every missing variable.
 */
export function requireProcessConfig(config: Config): ProcessConfig {
  const { database, temporal, stripe, secrets } = config;
  const missing: string[] = [];
  const need = (name: string, value: string | undefined): string => {
    if (value === undefined) missing.push(`${name} is required`);
    return value ?? '';
  };
  const complete: ProcessConfig = {
    ...config,
    database: { url: need('DATABASE_URL', database.url) },
    temporal: { ...temporal, address: temporal.address ?? `127.0.0.1:${config.ports.temporal}` },
    stripe: {
      ...stripe,
      secretKey: need('STRIPE_SECRET_KEY', stripe.secretKey),
      publishableKey: need('STRIPE_PUBLISHABLE_KEY', stripe.publishableKey),
    },
    secrets: {
      checkoutTokenSecret: need('CHECKOUT_TOKEN_SECRET', secrets.checkoutTokenSecret),
      adminToken: need('ADMIN_TOKEN', secrets.adminToken),
    },
  };
  if (missing.length > 0) throw new ConfigError(missing);
  return complete;
}

function toConfig(env: Environment): Config {
  return {
    logLevel: env.LOG_LEVEL,
    dataDir: env.HOLDFAST_DATA_DIR,
    api: { port: env.API_PORT, host: env.API_HOST, inFlightMax: env.CHECKOUTS_IN_FLIGHT_MAX },
    metrics: {
      workerPort: env.METRICS_PORT,
      apiPort: env.METRICS_PORT === 0 ? 0 : env.METRICS_PORT + 1,
      host: env.METRICS_HOST,
    },
    database: { url: env.DATABASE_URL },
    temporal: temporalConfig(env),
    stripe: stripeConfig(env),
    checkout: {
      windowSeconds: env.PAYMENT_WINDOW_SECONDS,
      paymentAttemptsMax: env.PAYMENT_ATTEMPTS_MAX,
      reclaimGraceSeconds: env.RECLAIM_GRACE_SECONDS,
      holdMaxSeconds: env.HOLD_MAX_SECONDS,
      endPaymentPauseMaxSeconds: env.END_PAYMENT_PAUSE_MAX_SECONDS,
      captureMethod: env.CAPTURE_METHOD,
    },
    switches: { reservations: env.RESERVATIONS, settlement: env.SETTLEMENT },
    secrets: { checkoutTokenSecret: env.CHECKOUT_TOKEN_SECRET, adminToken: env.ADMIN_TOKEN },
    ports: {
      temporal: env.TEMPORAL_PORT,
      temporalUi: env.TEMPORAL_UI_PORT,
      stripeSimulator: env.STRIPE_SIMULATOR_PORT,
      postgres: env.POSTGRES_PORT,
    },
  };
}

function temporalConfig(env: Environment): TemporalConfig {
  const tls: TemporalTls = {
    ...(env.TEMPORAL_TLS_CERT_PATH !== undefined && { certPath: env.TEMPORAL_TLS_CERT_PATH }),
    ...(env.TEMPORAL_TLS_KEY_PATH !== undefined && { keyPath: env.TEMPORAL_TLS_KEY_PATH }),
    ...(env.TEMPORAL_TLS_CA_PATH !== undefined && { caPath: env.TEMPORAL_TLS_CA_PATH }),
    ...(env.TEMPORAL_TLS_SERVER_NAME !== undefined && { serverName: env.TEMPORAL_TLS_SERVER_NAME }),
  };
  return {
    address: env.TEMPORAL_ADDRESS,
    namespace: env.TEMPORAL_NAMESPACE,
    ...(env.TEMPORAL_API_KEY !== undefined && { apiKey: env.TEMPORAL_API_KEY }),
    ...(Object.keys(tls).length > 0 && { tls }),
  };
}

/** Without a secret key there is no Stripe to speak to, so the simulator stands in. */
function stripeConfig(env: Environment): StripeConfig {
  const isSimulated = env.STRIPE_API_BASE !== undefined || env.STRIPE_SECRET_KEY === undefined;
  return {
    secretKey: env.STRIPE_SECRET_KEY,
    publishableKey: env.STRIPE_PUBLISHABLE_KEY,
    webhookSecrets: env.STRIPE_WEBHOOK_SECRETS ?? [],
    apiBase: env.STRIPE_API_BASE,
    mode: isSimulated ? 'simulator' : isLiveKey(env.STRIPE_SECRET_KEY) ? 'live' : 'test',
    createsPerSecond: env.STRIPE_CREATES_PER_SECOND,
    paymentMethodTypes: env.PAYMENT_METHOD_TYPES,
  };
}
