// Tokens that prove a right without a lookup: the buyer's, derived from the checkout id, and the administrator's.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** HMAC-SHA256 of the checkout id, base64url (43 characters). Whoever holds it may read and cancel the checkout. */
export function checkoutToken(secret: string, checkoutId: string): string {
  return createHmac('sha256', secret).update(`checkout:${checkoutId}`, 'utf8').digest('base64url');
}

/** Whether `presented` is that checkout's token; takes the same time for a right and a wrong one. */
export function isCheckoutToken(secret: string, checkoutId: string, presented: string): boolean {
  return isSame(checkoutToken(secret, checkoutId), presented);
}

/** Whether `presented` is the administrator's token; takes the same time for a right and a wrong one. */
export function isAdminToken(adminToken: string, presented: string): boolean {
  return isSame(adminToken, presented);
}

/** Digests first: `timingSafeEqual` wants equal lengths, and a length must not show either. */
function isSame(expected: string, presented: string): boolean {
  return timingSafeEqual(digest(expected), digest(presented));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}
