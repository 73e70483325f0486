// Drops as buyers see them. Availability is the counter: briefly low while a dead hold waits to be taken back, never high.
import { queryMaybeOne, queryRows, toInteger } from './query';
import type { Db } from './query';

export interface DropProductView {
  id: string;
  name: string;
  unitPriceMinor: number;
  total: number;
  available: number;
  maxPerCustomer: number | null;
}

export interface DropView {
  id: string;
  name: string;
  currency: string;
  opensAt: Date;
  /** Null: open until sold out. */
  closesAt: Date | null;
  products: DropProductView[];
}

interface DropRow {
  id: string;
  name: string;
  currency: string;
  opens_at: Date;
  closes_at: Date | null;
  products: {
    id: string;
    name: string;
    unit_price_minor: number;
    total: number;
    available: number;
    max_per_customer: number | null;
  }[];
}

/** The newest drops a shop page needs; older ones are read by id. */
const DROPS_MAX = 100;

const SELECT_DROPS = `
  select d.id, d.name, d.currency, d.opens_at, d.closes_at, (
    select coalesce(json_agg(json_build_object(
      'id', p.id, 'name', p.name, 'unit_price_minor', p.unit_price_minor, 'total', p.total_inventory,
      'available', p.available_inventory, 'max_per_customer', p.max_per_customer) order by p.created_at, p.id), '[]')
    from drop_products p
    where p.drop_id = d.id
  ) as products
  from drops d`;

/** At most 100 drops, latest opening first. */
export async function listDrops(db: Db): Promise<DropView[]> {
  const rows = await queryRows<DropRow>(db, `${SELECT_DROPS} order by d.opens_at desc, d.id limit $1`, [
    DROPS_MAX,
  ]);
  return rows.map(toDropView);
}

/** One drop, or null. `dropId` must be a UUID. */
export async function readDrop(db: Db, dropId: string): Promise<DropView | null> {
  const row = await queryMaybeOne<DropRow>(db, `${SELECT_DROPS} where d.id = $1`, [dropId]);
  return row && toDropView(row);
}

/** Those of them that exist, in any order. `dropIds` must be UUIDs. */
export async function readDrops(db: Db, dropIds: readonly string[]): Promise<DropView[]> {
  const rows = await queryRows<DropRow>(db, `${SELECT_DROPS} where d.id = any($1)`, [dropIds]);
  return rows.map(toDropView);
}

function toDropView(row: DropRow): DropView {
  return {
    id: row.id,
    name: row.name,
    currency: row.currency,
    opensAt: row.opens_at,
    closesAt: row.closes_at,
    products: row.products.map((product) => ({
      id: product.id,
      name: product.name,
      unitPriceMinor: toInteger(String(product.unit_price_minor)),
      total: product.total,
      available: product.available,
      maxPerCustomer: product.max_per_customer,
    })),
  };
}
