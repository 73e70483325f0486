// Whether bytes are Stripe's: the signature over exactly what arrived, by any of our secrets, at most 300 s off.
import type Stripe from 'stripe';

import { Problem } from './problems';

const TOLERANCE_SECONDS = 300;

/**
 * The parsed event, once its signature is proven. Several secrets are tried, so that one can be rolled. Stripe's own
 * check refuses only old timestamps, so the future is checked here.
 * @throws Problem `invalid_signature`, or `malformed_request` for a signed body that is not JSON.
 */
export function verifiedEvent(
  stripe: Pick<Stripe, 'webhooks'>,
  delivery: { body: unknown; signature: readonly string[] | undefined },
  secrets: readonly string[],
): unknown {
  const { body, signature } = delivery;
  const header = signature?.length === 1 ? (signature[0] ?? '') : '';
  if (!Buffer.isBuffer(body) || !isTimely(header)) throw new Problem('invalid_signature');
  if (!secrets.some((secret) => isSignedWith(stripe, body, header, secret)))
    throw new Problem('invalid_signature');
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw new Problem('malformed_request', { detail: 'The body is not JSON.' });
  }
}

function isSignedWith(
  stripe: Pick<Stripe, 'webhooks'>,
  body: Buffer,
  header: string,
  secret: string,
): boolean {
  try {
    return stripe.webhooks.signature?.verifyHeader(body, header, secret, TOLERANCE_SECONDS) ?? false;
  } catch {
    return false;
  }
}

/** Exactly one `t`, so that the instant checked here is the one that is signed. */
function isTimely(header: string): boolean {
  const times = header.split(',').filter((part) => part.trim().startsWith('t='));
  const seconds = Number(times[0]?.trim().slice(2));
  return times.length === 1 && Math.abs(Date.now() / 1_000 - seconds) <= TOLERANCE_SECONDS;
}
