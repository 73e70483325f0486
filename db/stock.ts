// What is free of a product, and what an operator does to its total.
import { queryOne, queryRows } from './query';
import type { Db } from './query';

export interface Availability {
  dropProductId: string;
  name: string;
  available: number;
  /** Held units that a buyer who finds none free would be given: nobody will pay for them any more. */
  hasDeadHolds: boolean;
  /** Whether the product's drop is open now. */
  isOpen: boolean;
}

/** By the counter, which may be briefly low and is never high. Unknown products are left out. */
export async function readAvailability(db: Db, dropProductIds: readonly string[]): Promise<Availability[]> {
  const rows = await queryRows<{
    drop_product_id: string;
    name: string;
    available: number;
    has_dead_holds: boolean;
    is_open: boolean;
  }>(db, 'select * from read_availability($1)', [dropProductIds]);
  return rows.map((row) => ({
    dropProductId: row.drop_product_id,
    name: row.name,
    available: row.available,
    hasDeadHolds: row.has_dead_holds,
    isOpen: row.is_open,
  }));
}

export interface StockAdjustment {
  /** The operator's own key: repeating it changes nothing. */
  requestKey: string;
  dropProductId: string;
  /** Positive: put on sale. Negative: free units taken off it. */
  units: number;
  who: string;
  why: string;
}

/**
 * Changes a product's total by a difference, with who and why. Buyers see it at their next read.
 * @throws RefusedByDatabaseError `below_held_and_sold` (detail: how many those are), `not_found`, `other_request`.
 */
export async function adjustTotalInventory(
  db: Db,
  { requestKey, dropProductId, units, who, why }: StockAdjustment,
): Promise<{ total: number; available: number }> {
  return queryOne<{ total: number; available: number }>(
    db,
    'select * from adjust_total_inventory($1, $2, $3, $4, $5)',
    [requestKey, dropProductId, units, who, why],
  );
}
