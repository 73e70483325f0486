// Products, orders and masses of holds to measure with.
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';

import type { OpenInput } from '../../db/checkouts';

/** So many that a hot product never sells out while it is measured. */
export const PLENTY = 1_000_000_000;

/** Products of one drop that is open, ascending by id. */
export async function createProducts(pool: Pool, count: number, total = PLENTY): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(
    `with drop as (
       insert into drops (name, currency, opens_at) values ('Bench', 'usd', clock_timestamp() - interval '1 hour')
       returning id
     )
     insert into drop_products (drop_id, name, unit_price_minor, total_inventory)
     select drop.id, 'Bench product', 1000, $2 from drop, generate_series(1, $1)
     returning id`,
    [count, total],
  );
  return rows.map((row) => row.id).sort();
}

/** One unit of each product, a new checkout every time. */
export function order(...productIds: string[]): OpenInput {
  return {
    checkoutId: randomUUID(),
    requestFingerprint: 'bench',
    customerId: null,
    lines: productIds.map((dropProductId) => ({ dropProductId, quantity: 1 })),
    windowSeconds: 300,
    reclaimGraceSeconds: 600,
    paymentAttemptsMax: 3,
  };
}

/**
 * That many open checkouts of one unit, written at once, as if they had come one by one: journal and counter are right.
 * @param leaseSeconds from now; negative: dead already
 */
export async function createHolds(
  pool: Pool,
  productId: string,
  { holds, leaseSeconds }: { holds: number; leaseSeconds: number },
): Promise<void> {
  await pool.query(
    `with lease as (select clock_timestamp() + make_interval(secs => $3) as at), opened as (
       insert into checkouts (id, request_fingerprint, status, amount_minor, currency, window_seconds,
         payment_attempts_max, expires_at)
       select gen_random_uuid(), 'bench', 'opening', 1000, 'usd', 300, 3, lease.at
       from lease, generate_series(1, $2)
       returning id, expires_at
     ), lines as (
       insert into checkout_lines (checkout_id, drop_product_id, product_name, unit_price_minor, quantity)
       select id, $1, 'Bench product', 1000, 1 from opened
     ), held as (
       insert into inventory_reservations
         (drop_product_id, quantity, payment_intent_id, expires_at, checkout_id, reclaim_after)
       select $1, 1, 'checkout:' || id, expires_at, id, expires_at from opened
     )
     update drop_products set available_inventory = available_inventory - $2 where id = $1`,
    [productId, holds, leaseSeconds],
  );
  // Neither its own vacuum nor a checkpoint shall fall into what is measured next.
  await pool.query('vacuum (analyze) checkouts, checkout_lines, inventory_reservations, drop_products');
  await pool.query('checkpoint');
}
