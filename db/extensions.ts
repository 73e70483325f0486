// More time for a buyer: deadline and lease move in one transaction, once per key.
import type { ExtendAnswer, ExtendRequest } from '../contracts/operations';
import type { OperationRefusal } from '../contracts/operations';
import { queryOne } from './query';
import type { Db } from './query';

/**
 * Moves an open checkout's payment deadline and lease by `seconds`, at most 600 s in all. A known key moves nothing and
 * answers `extended`.
 * @throws RefusedByDatabaseError `not_found`.
 */
export async function extendCheckout(
  db: Db,
  { checkoutId, requestKey, seconds }: ExtendRequest & { checkoutId: string },
): Promise<ExtendAnswer> {
  const { outcome } = await queryOne<{ outcome: 'extended' | OperationRefusal }>(
    db,
    'select extend_checkout($1, $2, $3) as outcome',
    [checkoutId, requestKey, seconds],
  );
  return outcome === 'extended' ? { outcome } : { outcome: 'refused', refusal: outcome };
}
