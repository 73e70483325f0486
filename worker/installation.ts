// Whose database this is: claimed once, checked at every start.
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type Stripe from 'stripe';

import { claimInstallation, readHoldfastEnv } from '../db/installation';
import type { ProcessConfig } from '../platform/config';
import { readStripeAccountId } from '../platform/stripe-account';

/**
 * The installation's random id. When Stripe cannot be asked and the database was claimed before, the worker starts all
 * the same: checkouts that are paid already must not wait for Stripe.
 * @throws InstallationMismatchError when the database belongs to another Stripe account or Temporal namespace.
 */
export async function claimDatabase(
  pool: Pool,
  stripe: Stripe,
  config: ProcessConfig,
  logger: Logger,
): Promise<string> {
  const { secretKey, publishableKey } = config.stripe;
  let stripeAccount: string;
  try {
    stripeAccount = await readStripeAccountId(stripe, { secretKey, publishableKey });
  } catch (err) {
    const known = await readHoldfastEnv(pool);
    if (known === null) throw err;
    logger.warn({ err }, 'stripe account not checked');
    return known;
  }
  const claimed = await claimInstallation(pool, {
    stripeAccount,
    temporalNamespace: config.temporal.namespace,
  });
  return claimed.holdfastEnv;
}
