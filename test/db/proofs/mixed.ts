// A sale with everything at once: callers who open, reserve, pay, give up, die away and pay late, over connections and batchers,
// with cleanup and restocks among them. Each caller keeps what he was told, and that is compared with the rows at the end.
import type { Pool } from 'pg';

import type { CheckoutBatches } from '../../../db/checkout-batches';
import { bindPaymentIntent, confirmCheckout, openCheckout, releaseCheckout } from '../../../db/checkouts';
import type { OpenInput } from '../../../db/checkouts';
import { cleanupExpiredReservations } from '../../../db/cleanup';
import { findInventoryDrift } from '../../../db/invariants';
import { adjustTotalInventory } from '../../../db/stock';
import { ageCheckout } from '../../support/database';
import { confirm, line, openInput, release, required, reserve } from '../support';
import { createRandom } from './random';
import type { Random } from './random';

export interface Sale {
  /** 32 connections in the tests. */
  crowd: Pool;
  batches: readonly CheckoutBatches[];
  products: readonly string[];
  callers: number;
  seed: number;
  /** Every call to the database goes through here; a test may repeat those whose outcome is unknown. */
  call: <T>(act: () => Promise<T>) => Promise<T>;
  /** Told how many callers are through. */
  onDone?: (callers: number) => void;
}

/** What a caller was told last, and so what the rows must say. */
export interface Ledger {
  /** Status by checkout. */
  checkouts: Map<string, string>;
  /** Status of the reservation by PaymentIntent; 'none' when it was refused. */
  bare: Map<string, string>;
  restocked: Map<string, number>;
}

/** As many callers under way at once. */
const LANES = 96;
const RESTOCK_UNITS = 5;

export async function runSale(sale: Sale): Promise<Ledger> {
  const ledger: Ledger = { checkouts: new Map(), bare: new Map(), restocked: new Map() };
  let taken = 0;
  let done = 0;
  const lane = async (): Promise<void> => {
    while (taken < sale.callers) {
      const n = taken;
      taken += 1;
      const random = createRandom(sale.seed * 1_000_003 + n);
      if (n % 200 === 100) await restock(sale, ledger, n, random);
      if (n % 40 === 20) await sale.call(() => cleanupExpiredReservations(sale.crowd));
      if (random.chance(0.25)) await beBareCaller(sale, ledger, random);
      else await beBuyer(sale, ledger, random);
      done += 1;
      sale.onDone?.(done);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return ledger;
}

async function beBuyer(sale: Sale, ledger: Ledger, random: Random): Promise<void> {
  const { crowd, call } = sale;
  const batches = random.chance(0.7) ? random.pick(sale.batches) : null;
  const input: OpenInput = openInput(linesOf(sale, random), { checkoutId: random.uuid() });
  const { checkoutId } = input;
  const opened = await call(() => (batches ? batches.openCheckout(input) : openCheckout(crowd, input)));
  if (opened.outcome === 'closed') return void ledger.checkouts.set(checkoutId, opened.status);
  const paymentIntentId = `pi_${checkoutId}`;
  await call(() => bindPaymentIntent(crowd, { checkoutId, paymentIntentId }));
  ledger.checkouts.set(checkoutId, 'awaiting_payment');
  const isAbandoned = random.chance(0.3);
  if (isAbandoned) await call(() => ageCheckout(crowd, checkoutId, 10_000));
  if (isAbandoned && random.chance(0.4)) return;
  if (random.chance(0.25)) {
    const status = random.pick(['canceled', 'expired'] as const);
    const ended = await call(() =>
      releaseCheckout(crowd, { checkoutId, status, failureCode: null, eventIds: [] }),
    );
    ledger.checkouts.set(checkoutId, ended.status);
    if (random.chance(0.8)) return;
  }
  const paid = { checkoutId, paymentIntentId, eventIds: [] };
  const ended = await call(() => (batches ? batches.confirmCheckout(paid) : confirmCheckout(crowd, paid)));
  ledger.checkouts.set(checkoutId, ended.status);
}

async function beBareCaller(sale: Sale, ledger: Ledger, random: Random): Promise<void> {
  const { crowd, call } = sale;
  const id = `pi_${random.uuid()}`;
  const lines = linesOf(sale, random);
  const isDead = random.chance(0.3);
  if (!(await call(() => reserve(crowd, id, lines, isDead ? 0 : 5)))) return void ledger.bare.set(id, 'none');
  if (random.chance(0.5)) {
    const isConfirmed = await call(() => confirm(crowd, id));
    ledger.bare.set(id, isConfirmed ? 'confirmed' : 'expired');
  } else if (isDead) {
    ledger.bare.set(id, 'expired');
  } else {
    await call(() => release(crowd, id));
    ledger.bare.set(id, 'released');
  }
}

async function restock(sale: Sale, ledger: Ledger, n: number, random: Random): Promise<void> {
  const dropProductId = random.pick(sale.products);
  const requestKey = `restock ${sale.seed} ${n}`;
  await sale.call(() =>
    adjustTotalInventory(sale.crowd, {
      requestKey, dropProductId, units: RESTOCK_UNITS, who: 'test', why: 'mixed run',
    }),
  ); // prettier-ignore
  ledger.restocked.set(dropProductId, (ledger.restocked.get(dropProductId) ?? 0) + RESTOCK_UNITS);
}

/** One or two products, in any order. */
function linesOf(sale: Sale, random: Random): OpenInput['lines'] {
  const first = random.pick(sale.products);
  if (random.chance(0.6)) return [line(first)];
  return [line(first), line(random.pick(sale.products.filter((one) => one !== first)))];
}

/** Every row says what its caller was told; counters, rows and journal agree; and what is left can be sold to the last unit. */
export async function expectAgreement(sale: Sale, ledger: Ledger, totals: number): Promise<void> {
  const { crowd, products } = sale;
  await cleanupExpiredReservations(crowd);
  expect(await findInventoryDrift(crowd)).toEqual([]);
  const checkouts = await crowd.query<{ id: string; status: string }>(
    'select id, status from checkouts where id = any ($1)',
    [[...ledger.checkouts.keys()]],
  );
  expect(new Map(checkouts.rows.map((row) => [row.id, row.status]))).toEqual(ledger.checkouts);
  const bare = await crowd.query<{ id: string; status: string }>(
    `select payment_intent_id as id, string_agg(distinct status, ' and ') as status
     from inventory_reservations where payment_intent_id = any ($1) group by 1`,
    [[...ledger.bare.keys()]],
  );
  const held = [...ledger.bare].filter(([, status]) => status !== 'none');
  expect(new Map(bare.rows.map((row) => [row.id, row.status]))).toEqual(new Map(held));
  for (const product of products) {
    const total = totals + (ledger.restocked.get(product) ?? 0);
    const { rows } = await crowd.query<{ total: number; free: number; sold: number; held: number }>(
      `select total_inventory as total, available_inventory as free,
         (select coalesce(sum(quantity) filter (where status = 'confirmed'), 0) from inventory_reservations
          where drop_product_id = $1)::integer as sold,
         (select coalesce(sum(quantity) filter (where status = 'held'), 0) from inventory_reservations
          where drop_product_id = $1)::integer as held
       from drop_products where id = $1`,
      [product],
    );
    const { free, sold } = required(rows[0]);
    expect({ product, ...rows[0] }).toEqual({ product, total, free: total - sold, sold, held: 0 });
    const rush = Array.from({ length: free + 20 }, () => openInput([line(product)]));
    const answers = await Promise.all(
      rush.map((input, n) => required(sale.batches[n % 2]).openCheckout(input)),
    );
    expect(answers.filter((answer) => answer.outcome === 'opened')).toHaveLength(free);
  }
}
