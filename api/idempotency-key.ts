// The client's key: what makes a repeated request the same one.
import type { Request } from 'express';

import { Problem } from './problems';
import { idempotencyKeyHeader } from './schemas';

/**
 * Sent twice, Node would join both with a comma into a third key; so that is refused.
 * @throws Problem invalid_idempotency_key
 */
export function readIdempotencyKey(request: Request): string {
  const given = request.headersDistinct['idempotency-key'] ?? [];
  const parsed = idempotencyKeyHeader.safeParse(given[0]);
  if (given.length !== 1 || !parsed.success) throw new Problem('invalid_idempotency_key');
  return parsed.data;
}
