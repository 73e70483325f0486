// What the database tests share: short ways to products, checkouts and their numbers.
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';

import type { FailureCode } from '../../contracts/checkout';
import { bindPaymentIntent, openCheckout } from '../../db/checkouts';
import type { OpenInput, OpenOutcome } from '../../db/checkouts';
import { findInventoryDrift } from '../../db/invariants';

export const GRACE_SECONDS = 600;
export const WINDOW_SECONDS = 300;
export const HOLD_MAX_SECONDS = 86_400;

export interface ProductOptions {
  total: number;
  unitPriceMinor?: number;
  maxPerCustomer?: number | null;
  dropId?: string;
}

/** A drop in `currency` that opened an hour ago. */
export async function createDrop(
  pool: Pool,
  { currency = 'usd', opensIn = '-1 hour', closesIn = null as string | null } = {},
): Promise<string> {
  const { rows } = await pool.query<{ id: string }>(
    `insert into drops (name, currency, opens_at, closes_at)
     values ('Test drop', $1, clock_timestamp() + $2::interval, clock_timestamp() + $3::interval) returning id`,
    [currency, opensIn, closesIn],
  );
  return required(rows[0]).id;
}

/** A product of a drop of its own unless one is given. */
export async function createProduct(pool: Pool, options: ProductOptions): Promise<string> {
  const dropId = options.dropId ?? (await createDrop(pool));
  const { rows } = await pool.query<{ id: string }>(
    `insert into drop_products (drop_id, name, unit_price_minor, total_inventory, max_per_customer)
     values ($1, 'Test product', $2, $3, $4) returning id`,
    [dropId, options.unitPriceMinor ?? 1_000, options.total, options.maxPerCustomer ?? null],
  );
  return required(rows[0]).id;
}

/** Several products, ascending by id: the order in which they are locked. */
export async function createProducts(pool: Pool, count: number, options: ProductOptions): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < count; i += 1) ids.push(await createProduct(pool, options));
  return ids.sort();
}

export function line(dropProductId: string, quantity = 1) {
  return { dropProductId, quantity };
}

export function openInput(lines: OpenInput['lines'], rest: Partial<OpenInput> = {}): OpenInput {
  return {
    checkoutId: randomUUID(),
    requestFingerprint: 'fingerprint',
    customerId: null,
    lines,
    windowSeconds: WINDOW_SECONDS,
    reclaimGraceSeconds: GRACE_SECONDS,
    paymentAttemptsMax: 3,
    ...rest,
  };
}

export interface BoundCheckout {
  checkoutId: string;
  paymentIntentId: string;
}

/** An opened checkout with a PaymentIntent bound. */
export async function openAndBind(
  pool: Pool,
  lines: OpenInput['lines'],
  rest: Partial<OpenInput> = {},
): Promise<BoundCheckout> {
  const input = openInput(lines, rest);
  const opened = await openCheckout(pool, input);
  if (opened.outcome !== 'opened') throw new Error(`not opened: ${opened.failureCode}`);
  const paymentIntentId = `pi_${randomUUID()}`;
  const bound = await bindPaymentIntent(pool, { checkoutId: input.checkoutId, paymentIntentId });
  if (bound.outcome !== 'bound') throw new Error(`not bound: ${bound.outcome}`);
  return { checkoutId: input.checkoutId, paymentIntentId };
}

export async function available(pool: Pool, productId: string): Promise<number> {
  const { rows } = await pool.query<{ available_inventory: number }>(
    'select available_inventory from drop_products where id = $1',
    [productId],
  );
  return required(rows[0]).available_inventory;
}

/** Units of a product per reservation status. */
export async function unitsByStatus(pool: Pool, productId: string): Promise<Record<string, number>> {
  const { rows } = await pool.query<{ status: string; units: number }>(
    `select status, sum(quantity)::integer as units from inventory_reservations
     where drop_product_id = $1 group by status`,
    [productId],
  );
  return Object.fromEntries(rows.map((row) => [row.status, row.units]));
}

/** Everything a write could have touched, to compare before and after. */
export async function stateOf(pool: Pool, checkoutId: string): Promise<unknown> {
  const { rows } = await pool.query<{ state: unknown }>(
    `select jsonb_build_object(
       'checkout', (select to_jsonb(c) from checkouts c where id = $1),
       'reservations', (select jsonb_agg(to_jsonb(r) order by r.id) from inventory_reservations r where checkout_id = $1),
       'orders', (select jsonb_agg(to_jsonb(o)) from orders o where checkout_id = $1),
       'refunds', (select jsonb_agg(to_jsonb(f)) from refunds f where checkout_id = $1),
       'products', (select jsonb_agg(to_jsonb(p) order by p.id) from drop_products p),
       'journal', (select count(*) from inventory_journal)) as state`,
    [checkoutId],
  );
  return required(rows[0]).state;
}

export async function expectNoDrift(pool: Pool): Promise<void> {
  expect(await findInventoryDrift(pool)).toEqual([]);
}

export function failureOf(outcome: OpenOutcome): FailureCode | null {
  return outcome.outcome === 'closed' ? outcome.failureCode : null;
}

export async function reserve(
  pool: Pool,
  paymentIntentId: string,
  lines: OpenInput['lines'],
  expirationMinutes = 5,
): Promise<boolean> {
  const items = lines.map((one) => ({ drop_product_id: one.dropProductId, quantity: one.quantity }));
  return callBoolean(pool, 'select reserve_inventory_for_payment($1, $2, $3) as answer', [
    paymentIntentId,
    JSON.stringify(items),
    expirationMinutes,
  ]);
}

export async function confirm(pool: Pool, paymentIntentId: string): Promise<boolean> {
  return callBoolean(pool, 'select confirm_inventory_reservations($1) as answer', [paymentIntentId]);
}

export async function release(pool: Pool, paymentIntentId: string): Promise<boolean> {
  return callBoolean(pool, 'select release_inventory_reservations($1) as answer', [paymentIntentId]);
}

async function callBoolean(pool: Pool, text: string, values: unknown[]): Promise<boolean> {
  const { rows } = await pool.query<{ answer: boolean }>(text, values);
  return required(rows[0]).answer;
}

/** Resolves once `count` backends wait for a lock in this database; fails after five seconds. */
export async function untilWaiting(pool: Pool, count: number): Promise<void> {
  const deadline = Date.now() + 5_000;
  for (;;) {
    const { rows } = await pool.query<{ waiting: number }>(
      `select count(*)::integer as waiting from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock'`,
    );
    if (required(rows[0]).waiting >= count) return;
    if (Date.now() > deadline) throw new Error(`fewer than ${count} backends wait for a lock`);
  }
}

export function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('expected a value');
  return value;
}

/** Bulk work of a test's set-up, outside the product's statement timeout. */
export async function withoutTimeout(pool: Pool, sql: string, values: unknown[]): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query('set local statement_timeout = 0');
    await client.query(sql, values);
    await client.query('commit');
  } finally {
    client.release();
  }
}
