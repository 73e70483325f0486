// What the suite is run against: the simulator, or Stripe's test mode. Read from the environment, and refused when it could
// be anything with real money in it.
import { loadConfig } from '../../platform/config';

export interface Target {
  readonly secretKey: string;
  /** Without it the claims about a browser's key are skipped. */
  readonly publishableKey: string | null;
  /** Where the API is; null = Stripe. */
  readonly apiBase: string | null;
  /** Lets time pass while a claim waits for something; at Stripe it passes by itself. */
  readonly hurry?: () => Promise<void>;
}

const STRIPE_API = 'https://api.stripe.com';

export function apiBaseOf(target: Target): string {
  return target.apiBase ?? STRIPE_API;
}

/** Why the suite does not run. */
export class TargetRefused extends Error {
  override readonly name = 'TargetRefused';
}

/** @throws TargetRefused without a test key, with any live key, and with anything the product's configuration refuses. */
export function readTarget(env: NodeJS.ProcessEnv): Target {
  const { STRIPE_SECRET_KEY: secretKey = '', STRIPE_PUBLISHABLE_KEY: publishableKey = '' } = env;
  if ([secretKey, publishableKey].some((key) => key.includes('_live_'))) {
    throw new TargetRefused('Live keys are refused: this suite pays, refunds and disputes. Use a test key.');
  }
  if (!/^sk_test_\w+$/.test(secretKey)) {
    throw new TargetRefused('Set STRIPE_SECRET_KEY=sk_test_… (a secret key of Stripe’s test mode).');
  }
  if (publishableKey !== '' && !/^pk_test_\w+$/.test(publishableKey)) {
    throw new TargetRefused('STRIPE_PUBLISHABLE_KEY must be a publishable key of Stripe’s test mode.');
  }
  const { stripe } = loadConfig({ STRIPE_API_BASE: env['STRIPE_API_BASE'] });
  return {
    secretKey,
    publishableKey: publishableKey === '' ? null : publishableKey,
    apiBase: stripe.apiBase ?? null,
  };
}
