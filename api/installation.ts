// Whose database this is: claimed once by the first process, checked at every start.
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type Stripe from 'stripe';

import { claimInstallation, readHoldfastEnv } from '../db/installation';
import type { ProcessConfig } from '../platform/config';
import { readStripeAccountId } from '../platform/stripe-account';

/**
 * The installation's random id. When Stripe cannot be asked and the database was claimed before, the API starts all the
 * same: webhooks and cleanup must not wait for Stripe.
 * @throws InstallationMismatchError when the database belongs to another Stripe account or Temporal namespace.
 */
export async function recogniseInstallation(
  pool: Pool,
  stripe: Stripe,
  config: ProcessConfig,
  logger: Logger,
): Promise<string> {
  const { secretKey, publishableKey } = config.stripe;
  const account = await readStripeAccountId(stripe, { secretKey, publishableKey }).catch((err: unknown) => {
    logger.warn({ err }, 'stripe account not checked');
    return null;
  });
  if (account !== null) {
    const claimed = await claimInstallation(pool, {
      stripeAccount: account,
      temporalNamespace: config.temporal.namespace,
    });
    return claimed.holdfastEnv;
  }
  const known = await readHoldfastEnv(pool);
  if (known === null) throw new Error('Stripe does not answer, so this new database cannot be claimed.');
  return known;
}
