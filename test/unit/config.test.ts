// The configuration schema: defaults, every fault at once, the rules between variables, and the docs that list it.
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { ConfigError, loadConfig, requireProcessConfig } from '../../platform/config';
import { environmentSchema } from '../../platform/environment';
import { PROJECT } from './planted-tree';

const SECRETS = { CHECKOUT_TOKEN_SECRET: 'token-secret-0123456789', ADMIN_TOKEN: 'admin-token-0123456789' };
const COMPLETE = {
  ...SECRETS,
  DATABASE_URL: 'postgres://localhost/holdfast',
  TEMPORAL_ADDRESS: 'temporal.example:7233',
  STRIPE_SECRET_KEY: 'sk_test_simulator',
  STRIPE_PUBLISHABLE_KEY: 'pk_test_simulator',
  STRIPE_WEBHOOK_SECRETS: 'whsec_one_0123, whsec_two_0123',
};

const VARIABLES = Object.entries(environmentSchema.shape).map(([name, schema]) => ({
  name,
  meaning: schema.description ?? '',
  defaultText: schema.def.type === 'default' ? String(schema.def.defaultValue) : '',
}));

function faultsOf(env: NodeJS.ProcessEnv): readonly string[] {
  try {
    loadConfig(env);
  } catch (err) {
    if (err instanceof ConfigError) return err.faults;
    throw err;
  }
  return [];
}

describe('loadConfig', () => {
  test('gives the documented defaults to an empty environment', () => {
    expect(loadConfig({})).toMatchObject({
      api: { port: 3000, host: '127.0.0.1', inFlightMax: 200 },
      metrics: { workerPort: 9464, apiPort: 9465 },
      temporal: { address: undefined, namespace: 'default' },
      stripe: { mode: 'simulator', createsPerSecond: 20, paymentMethodTypes: ['card'] },
      checkout: {
        windowSeconds: 300,
        paymentAttemptsMax: 3,
        reclaimGraceSeconds: 600,
        holdMaxSeconds: 86_400,
        endPaymentPauseMaxSeconds: 120,
        captureMethod: 'automatic',
      },
    });
  });

  test('counts an empty value as not set', () => {
    expect(loadConfig({ API_PORT: '', DATABASE_URL: '' })).toEqual(loadConfig({}));
  });

  test('picks free metrics ports for both processes with 0', () => {
    expect(loadConfig({ METRICS_PORT: '0' }).metrics).toMatchObject({ workerPort: 0, apiPort: 0 });
  });

  test('names every fault at once, and no value', () => {
    const faults = faultsOf({ API_PORT: 'eighty', PAYMENT_WINDOW_SECONDS: '-5', ADMIN_TOKEN: 'hunter2' });
    expect(faults).toHaveLength(3);
    expect(faults.join('\n')).toMatch(
      /API_PORT[^]*PAYMENT_WINDOW_SECONDS|PAYMENT_WINDOW_SECONDS[^]*API_PORT/,
    );
    expect(faults.join('\n')).not.toMatch(/eighty|hunter2/);
  });

  test.each([
    [
      'a grace under four times the longest pause',
      { RECLAIM_GRACE_SECONDS: '479' },
      /^RECLAIM_GRACE_SECONDS/,
    ],
    [
      'more in flight than ten seconds of creates',
      { CHECKOUTS_IN_FLIGHT_MAX: '201' },
      /^CHECKOUTS_IN_FLIGHT_MAX/,
    ],
    ['half a client certificate', { TEMPORAL_TLS_KEY_PATH: '/k.pem' }, /^TEMPORAL_TLS_CERT_PATH/],
    ['a database without secrets', { DATABASE_URL: 'postgres://h/d' }, /^CHECKOUT_TOKEN_SECRET is required/],
    ['a short admin token', { ADMIN_TOKEN: 'short' }, /^ADMIN_TOKEN/],
    [
      'a live key without the switch',
      { STRIPE_SECRET_KEY: 'sk_live_1', STRIPE_PUBLISHABLE_KEY: 'pk_live_1' },
      /^STRIPE_SECRET_KEY is a live key/,
    ],
    [
      'a live key without a webhook secret',
      { STRIPE_SECRET_KEY: 'sk_live_1', STRIPE_PUBLISHABLE_KEY: 'pk_live_1', STRIPE_LIVE_MODE: 'on' },
      /^STRIPE_WEBHOOK_SECRETS is required with a live key/,
    ],
    [
      'a live key against a simulator',
      {
        STRIPE_SECRET_KEY: 'rk_live_1',
        STRIPE_PUBLISHABLE_KEY: 'pk_live_1',
        STRIPE_LIVE_MODE: 'on',
        STRIPE_WEBHOOK_SECRETS: 'whsec_one_0123',
        STRIPE_API_BASE: 'http://127.0.0.1:1',
      },
      /^STRIPE_API_BASE/,
    ],
    [
      'keys of two modes',
      { STRIPE_SECRET_KEY: 'sk_test_1', STRIPE_PUBLISHABLE_KEY: 'pk_live_1' },
      /^STRIPE_PUBLISHABLE_KEY/,
    ],
    [
      'a live secret key with a test publishable key',
      {
        STRIPE_SECRET_KEY: 'sk_live_1',
        STRIPE_PUBLISHABLE_KEY: 'pk_test_1',
        STRIPE_LIVE_MODE: 'on',
        STRIPE_WEBHOOK_SECRETS: 'whsec_0123456789',
      },
      /^STRIPE_PUBLISHABLE_KEY/,
    ],
    [
      'a restricted live key without the switch',
      { STRIPE_SECRET_KEY: 'rk_live_1', STRIPE_PUBLISHABLE_KEY: 'pk_live_1', STRIPE_LIVE_MODE: 'off' },
      /^STRIPE_SECRET_KEY is a live key/,
    ],
    [
      'a live publishable key beside the simulator',
      { STRIPE_PUBLISHABLE_KEY: 'pk_live_1', STRIPE_LIVE_MODE: 'on' },
      /^STRIPE_PUBLISHABLE_KEY is a live key/,
    ],
    ['a secret key alone', { STRIPE_SECRET_KEY: 'sk_test_1' }, /^STRIPE_PUBLISHABLE_KEY/],
    ['another way to capture', { CAPTURE_METHOD: 'later' }, /^CAPTURE_METHOD/],
    ['reservations turned off', { RESERVATIONS: 'off' }, /^RESERVATIONS/],
    ['settlement turned off', { SETTLEMENT: 'off' }, /^SETTLEMENT/],
    ['a fraction', { PAYMENT_ATTEMPTS_MAX: '1.5' }, /^PAYMENT_ATTEMPTS_MAX/],
    ['a port too high', { API_PORT: '65536' }, /^API_PORT/],
    ['another database', { DATABASE_URL: 'mysql://h/d' }, /^DATABASE_URL/],
  ])('refuses %s', (_what, env, fault) => {
    expect(faultsOf(env)[0]).toMatch(fault);
  });

  test.each([
    ['simulator', {}],
    ['simulator', { ...COMPLETE, STRIPE_API_BASE: 'http://127.0.0.1:12111' }],
    ['test', COMPLETE],
    [
      'live',
      {
        ...COMPLETE,
        STRIPE_LIVE_MODE: 'on',
        STRIPE_SECRET_KEY: 'sk_live_1',
        STRIPE_PUBLISHABLE_KEY: 'pk_live_1',
      },
    ],
  ])('knows it is in %s mode', (mode, env) => {
    expect(loadConfig(env).stripe.mode).toBe(mode);
  });
});

describe('requireProcessConfig', () => {
  test('accepts a test key without a webhook secret: events are polled', () => {
    const { STRIPE_WEBHOOK_SECRETS: _secrets, ...polling } = COMPLETE;
    expect(requireProcessConfig(loadConfig(polling)).stripe.webhookSecrets).toEqual([]);
  });

  test('accepts a complete environment and splits the webhook secrets', () => {
    const config = requireProcessConfig(loadConfig(COMPLETE));
    expect(config.stripe.webhookSecrets).toEqual(['whsec_one_0123', 'whsec_two_0123']);
    expect(config.temporal.address).toBe('temporal.example:7233');
  });

  test('names everything that is missing', () => {
    const missing = ['DATABASE_URL', 'STRIPE_SECRET_KEY', 'STRIPE_PUBLISHABLE_KEY'];
    expect(() => requireProcessConfig(loadConfig(SECRETS))).toThrow(
      missing.map((name) => `${name} is required`).join('\n'),
    );
  });
});

describe('what is written about the configuration', () => {
  const table = rowsOf('docs/configuration.md');
  const example = readFileSync(path.join(PROJECT, '.env.example'), 'utf8');

  test('docs/configuration.md lists exactly the variables, their defaults and meanings', () => {
    expect(table.map(([name, fallback, meaning]) => ({ name, defaultText: fallback, meaning }))).toEqual(
      VARIABLES.map(({ name, defaultText, meaning }) => ({
        name: `\`${name}\``,
        defaultText: defaultText === '' ? '' : `\`${defaultText}\``,
        meaning,
      })),
    );
  });

  test('.env.example lists exactly the variables with their defaults', () => {
    const entries = [...example.matchAll(/^# ([A-Z][A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [
      name,
      value,
    ]);
    expect(entries).toEqual(VARIABLES.map(({ name, defaultText }) => [name, defaultText]));
  });
});

function rowsOf(file: string): string[][] {
  return readFileSync(path.join(PROJECT, file), 'utf8')
    .split('\n')
    .filter((line) => /^\| `[A-Z]/.test(line))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}
