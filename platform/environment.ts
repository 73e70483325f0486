// The environment variables Holdfast reads, as one schema: rule, default and meaning of each. .env.example and
// docs/configuration.md are checked against it.
import { z } from 'zod';

const LIVE_KEY = /^(sk|rk)_live_/;

function integer(min: number, max: number) {
  return z
    .string()
    .regex(/^\d{1,9}$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be a whole number from ${min} to ${max}`);
}

const port = () => integer(0, 65_535);
const text = () => z.string().min(1);
const secret = () => z.string().min(16, 'must have at least 16 characters');

function commaSeparated(item: RegExp, rule: string) {
  return z
    .string()
    .transform((list) => list.split(',').map((entry) => entry.trim()))
    .refine((list) => list.every((entry) => item.test(entry)), rule);
}

function url(protocols: readonly string[]) {
  const rule = `must be a URL (${protocols.join('//, ')}//)`;
  return z
    .string()
    .refine((given) => URL.canParse(given) && protocols.includes(new URL(given).protocol), rule);
}

/** Every variable; `.describe()` is what the documentation's table says. Empty strings count as not set. */
export const environmentSchema = z.object({
  DATABASE_URL: url(['postgres:', 'postgresql:'])
    .optional()
    .describe('PostgreSQL 14 or newer. Not set: `npm start` runs an embedded one.'),
  TEMPORAL_ADDRESS: text()
    .optional()
    .describe('host:port of Temporal. Not set: `npm start` runs a dev server.'),
  TEMPORAL_NAMESPACE: text().default('default').describe('Temporal namespace.'),
  TEMPORAL_API_KEY: text().optional().describe('Temporal API key; turns TLS on.'),
  TEMPORAL_TLS_CERT_PATH: text().optional().describe('Client certificate (PEM) for mTLS to Temporal.'),
  TEMPORAL_TLS_KEY_PATH: text().optional().describe('Private key (PEM) of that certificate.'),
  TEMPORAL_TLS_CA_PATH: text().optional().describe("Root certificate (PEM) of Temporal's own authority."),
  TEMPORAL_TLS_SERVER_NAME: text().optional().describe('Host name expected in the certificate of Temporal.'),
  STRIPE_SECRET_KEY: z
    .string()
    .regex(/^(sk|rk)_(test|live)_\w+$/, 'must be a secret or restricted key of Stripe')
    .optional()
    .describe('Secret key. Not set: `npm start` runs the Stripe simulator.'),
  STRIPE_PUBLISHABLE_KEY: z
    .string()
    .regex(/^pk_(test|live)_\w+$/, 'must be a publishable key of Stripe')
    .optional()
    .describe('Publishable key, handed to the page.'),
  STRIPE_WEBHOOK_SECRETS: commaSeparated(/^\S{8,}$/, 'must be webhook secrets, separated by commas')
    .optional()
    .describe(
      'Webhook signing secrets, separated by commas; each is tried. Not set: `/v1/events` is polled, not with a live key.',
    ),
  STRIPE_API_BASE: url(['http:', 'https:'])
    .optional()
    .describe('Address of a Stripe simulator instead of Stripe. Refused with a live key.'),
  STRIPE_LIVE_MODE: z
    .enum(['on', 'off'])
    .default('off')
    .describe('Live keys are refused unless this is `on`.'),
  CHECKOUT_TOKEN_SECRET: secret()
    .optional()
    .describe('Signs checkout tokens; 16 characters or more. Required with `DATABASE_URL`.'),
  ADMIN_TOKEN: secret()
    .optional()
    .describe('Token of the maintenance routes; 16 characters or more. Required with `DATABASE_URL`.'),
  API_PORT: port().default(3000).describe('Port of the API; 0 picks a free one.'),
  API_HOST: text().default('127.0.0.1').describe('Address the API listens on.'),
  METRICS_PORT: port()
    .default(9464)
    .describe("Port of the worker's metrics; the API's is one above; 0 picks free ones."),
  METRICS_HOST: text().default('127.0.0.1').describe('Address the metrics listen on.'),
  TEMPORAL_PORT: port().default(7233).describe('Port of the Temporal dev server; 0 picks a free one.'),
  TEMPORAL_UI_PORT: port().default(8233).describe('Port of its Web UI; 0 picks a free one.'),
  STRIPE_SIMULATOR_PORT: port().default(12_111).describe('Port of the Stripe simulator; 0 picks a free one.'),
  POSTGRES_PORT: port().default(54_329).describe('Port of the embedded PostgreSQL; 0 picks a free one.'),
  HOLDFAST_DATA_DIR: text().default('.holdfast').describe('Folder of everything `npm start` keeps.'),
  PAYMENT_WINDOW_SECONDS: integer(1, 86_400)
    .default(300)
    .describe('How long the units of a checkout are held for its payment.'),
  PAYMENT_ATTEMPTS_MAX: integer(1, 100)
    .default(3)
    .describe('Declined payments after which the units are given back; 1 gives them back at the first.'),
  RECLAIM_GRACE_SECONDS: integer(1, 604_800)
    .default(600)
    .describe('How long after the deadline, or the last renewal, the database takes units back on its own.'),
  HOLD_MAX_SECONDS: integer(60, 2_592_000)
    .default(86_400)
    .describe('After the deadline plus this, units are released even without proof that the payment ended.'),
  END_PAYMENT_PAUSE_MAX_SECONDS: integer(1, 3_600)
    .default(120)
    .describe('Longest pause between two tries to end a payment. The grace must be four times this or more.'),
  STRIPE_CREATES_PER_SECOND: integer(1, 1_000)
    .default(20)
    .describe('PaymentIntents created per second, over all workers.'),
  CHECKOUTS_IN_FLIGHT_MAX: integer(1, 10_000)
    .default(200)
    .describe(
      'Checkouts one API opens at once (over all APIs: divide); at most ten times the creates per second.',
    ),
  PAYMENT_METHOD_TYPES: commaSeparated(/^[a-z0-9_]+$/, 'must be payment method types, separated by commas')
    .default(['card'])
    .describe("Stripe's `allowed_payment_method_types`, separated by commas."),
  CAPTURE_METHOD: z
    .enum(['automatic', 'manual'])
    .default('automatic')
    .describe(
      'When the money is taken: `automatic`, as the buyer pays; `manual`, once the units are secured.',
    ),
  RESERVATIONS: z
    .enum(['on', 'check-only'])
    .default('on')
    .describe('`check-only`: units are only checked at the opening, and taken once the money is there.'),
  SETTLEMENT: z
    .enum(['on', 'paused'])
    .default('on')
    .describe(
      '`paused`: nothing is confirmed, ended, captured, released or refunded; what is held stays held.',
    ),
  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('Least severe log line that is written.'),
});

export type Environment = z.infer<typeof environmentSchema>;

interface Fault {
  name: string;
  rule: string;
}

/** Rules between variables, checked once each variable is valid by itself. */
export function crossFaults(env: Environment): Fault[] {
  const faults: [boolean, string, string][] = [
    [
      env.RECLAIM_GRACE_SECONDS < 4 * env.END_PAYMENT_PAUSE_MAX_SECONDS,
      'RECLAIM_GRACE_SECONDS',
      'must be at least four times END_PAYMENT_PAUSE_MAX_SECONDS',
    ],
    [
      env.CHECKOUTS_IN_FLIGHT_MAX > 10 * env.STRIPE_CREATES_PER_SECOND,
      'CHECKOUTS_IN_FLIGHT_MAX',
      'must be at most ten times STRIPE_CREATES_PER_SECOND',
    ],
    [
      (env.TEMPORAL_TLS_CERT_PATH === undefined) !== (env.TEMPORAL_TLS_KEY_PATH === undefined),
      'TEMPORAL_TLS_CERT_PATH',
      'and TEMPORAL_TLS_KEY_PATH are set together or not at all',
    ],
    ...(['CHECKOUT_TOKEN_SECRET', 'ADMIN_TOKEN'] as const).map((name): [boolean, string, string] => [
      env.DATABASE_URL !== undefined && env[name] === undefined,
      name,
      'is required with DATABASE_URL',
    ]),
    ...stripeFaults(env),
  ];
  return faults.filter(([isFault]) => isFault).map(([, name, rule]) => ({ name, rule }));
}

function stripeFaults(env: Environment): [boolean, string, string][] {
  const isLive = isLiveKey(env.STRIPE_SECRET_KEY);
  const isPublishableLive = env.STRIPE_PUBLISHABLE_KEY?.startsWith('pk_live_') ?? false;
  const bothSet = env.STRIPE_SECRET_KEY !== undefined && env.STRIPE_PUBLISHABLE_KEY !== undefined;
  // Without a secret key the simulator stands in: a page must not be handed a live key to type a card into.
  const isPageAloneLive = isPublishableLive && env.STRIPE_SECRET_KEY === undefined;
  return [
    [
      isLive && env.STRIPE_LIVE_MODE !== 'on',
      'STRIPE_SECRET_KEY',
      'is a live key; set STRIPE_LIVE_MODE=on to use it',
    ],
    [
      isLive && env.STRIPE_WEBHOOK_SECRETS === undefined,
      'STRIPE_WEBHOOK_SECRETS',
      'is required with a live key: events are polled with a test key only',
    ],
    [isLive && env.STRIPE_API_BASE !== undefined, 'STRIPE_API_BASE', 'is refused with a live key'],
    [isPageAloneLive, 'STRIPE_PUBLISHABLE_KEY', 'is a live key, and there is no STRIPE_SECRET_KEY beside it'],
    [
      bothSet && isLive !== isPublishableLive,
      'STRIPE_PUBLISHABLE_KEY',
      'must have the mode of STRIPE_SECRET_KEY',
    ],
    [
      env.STRIPE_SECRET_KEY !== undefined && env.STRIPE_PUBLISHABLE_KEY === undefined,
      'STRIPE_PUBLISHABLE_KEY',
      'is required with STRIPE_SECRET_KEY',
    ],
  ];
}

export function isLiveKey(secretKey: string | undefined): boolean {
  return secretKey !== undefined && LIVE_KEY.test(secretKey);
}
