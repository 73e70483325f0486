// What must hold at every instant. The rules are in the view; an answer here is a fault to find, not a state to repair.
import { queryRows } from './query';
import type { Db } from './query';

export interface InventoryDrift {
  kind: string;
  dropProductId: string | null;
  checkoutId: string | null;
  detail: Record<string, unknown>;
}

/** Enough to see what is wrong. */
const DRIFT_MAX = 100;

/** Empty whenever nothing is broken; at most 100 findings. */
export async function findInventoryDrift(db: Db): Promise<InventoryDrift[]> {
  const rows = await queryRows<{
    kind: string;
    drop_product_id: string | null;
    checkout_id: string | null;
    detail: Record<string, unknown>;
  }>(db, 'select * from find_inventory_drift($1)', [DRIFT_MAX]);
  return rows.map((row) => ({
    kind: row.kind,
    dropProductId: row.drop_product_id,
    checkoutId: row.checkout_id,
    detail: row.detail,
  }));
}
