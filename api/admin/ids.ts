// The id in an operator's path.
import type { Request } from 'express';

import { Problem } from '../problems';
import { checkoutIdParameter } from '../schemas';

/** @throws Problem malformed_request: an operator who mistypes an id is told so. */
export function requireId(request: Request): string {
  const parsed = checkoutIdParameter.safeParse(request.params['id']);
  if (parsed.success) return parsed.data;
  throw new Problem('malformed_request', { errors: [{ path: 'id', message: 'must be a UUID' }] });
}
