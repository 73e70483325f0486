// Which Stripe account a key belongs to, so that one database is never run against two.
import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import type Stripe from 'stripe';
import { z } from 'zod';

import { UnreadableStripeReplyError } from './stripe';

const accountSchema = z.object({ object: z.literal('account'), id: z.string().startsWith('acct_') });

/**
 * The account id by `GET /v1/account`; for a restricted key that may not read it (403), a hash of key mode and
 * publishable key. @throws Stripe's errors when Stripe cannot be asked.
 */
export async function readStripeAccountId(
  stripe: Stripe,
  keys: { secretKey: string; publishableKey: string },
): Promise<string> {
  try {
    const parsed = accountSchema.safeParse(await stripe.accounts.retrieveCurrent());
    if (!parsed.success) throw new UnreadableStripeReplyError('The reply is not an account.');
    return parsed.data.id;
  } catch (error) {
    const status = (error as { statusCode?: unknown }).statusCode;
    if (status !== 403) throw error;
    const mode = keys.secretKey.split('_').slice(0, 2).join('_');
    const hash = createHash('sha256').update(`${mode}:${keys.publishableKey}`).digest('hex');
    return `keys_${hash.slice(0, 24)}`;
  }
}

/** As `readStripeAccountId`; null, and a warning, when Stripe cannot be asked. */
export async function askStripeAccountId(
  stripe: Stripe,
  keys: { secretKey: string; publishableKey: string },
  logger: Logger,
): Promise<string | null> {
  try {
    return await readStripeAccountId(stripe, keys);
  } catch (err) {
    logger.warn({ err }, 'stripe account not checked');
    return null;
  }
}
