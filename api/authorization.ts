// Bearer tokens: the buyer's for one checkout, the administrator's for maintenance.
import type { Request } from 'express';

import { isAdminToken, isCheckoutToken } from '../platform/tokens';
import { Problem } from './problems';
import { checkoutIdParameter } from './schemas';

/** Stands for an id that is not one, so that a wrong id costs the same work as a wrong token. */
const NO_CHECKOUT = '00000000-0000-0000-0000-000000000000';

/**
 * The checkout id of the path, once the token for exactly it was shown. The token is checked before any row is read,
 * so whoever lacks it learns nothing of whether the id exists, not even by the time it takes.
 * @throws Problem not_found
 */
export function requireCheckoutId(request: Request, secret: string): string {
  const parsed = checkoutIdParameter.safeParse(request.params['id']);
  const checkoutId = parsed.success ? parsed.data : NO_CHECKOUT;
  const isOwner = isCheckoutToken(secret, checkoutId, bearerToken(request));
  if (!isOwner || !parsed.success) throw new Problem('not_found');
  return checkoutId;
}

/** @throws Problem unauthorized */
export function requireAdmin(request: Request, adminToken: string): void {
  if (!isAdminToken(adminToken, bearerToken(request))) throw new Problem('unauthorized');
}

function bearerToken(request: Request): string {
  return /^Bearer +(\S{1,500})$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
}
