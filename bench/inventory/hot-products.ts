// Everybody wants the same thing: the batched open (checkout, lines, holds and journal in one statement) against the single
// functions and against the least that could take a unit at all, an UPDATE of the counter.
import { randomUUID } from 'node:crypto';

import { createCheckoutBatches } from '../../db/checkout-batches';
import { openCheckout } from '../../db/checkouts';
import { createBareBatch } from './bare-batch';
import { BARE_CONNECTIONS_MAX } from './cluster';
import type { BenchDatabase, BenchServer } from './cluster';
import { createProducts, order } from './fixtures';
import { median, medianLoad, rotated, runCallers } from './load';
import type { Load } from './load';

export interface Turns {
  rounds: number;
  turnMs: number;
}

export interface VariantLoad extends Load {
  variant: string;
  callers: number;
  /** Calls per second against the last variant's, median of the rounds. */
  ratio: number;
}

type Act = (caller: number) => Promise<unknown>;

const CALLERS = [1, 16, 64, 256, 1_000] as const;

/** One product, one unit an order. The last variant is the bare UPDATE with a connection for every caller. */
export async function measureHotProduct(server: BenchServer, turns: Turns): Promise<VariantLoad[]> {
  const database = await server.createDatabase();
  try {
    const [batched, bare, reserved, pooled, crowded] = (await createProducts(database.pool, 5)) as [
      string,
      string,
      string,
      string,
      string,
    ];
    const batches = createCheckoutBatches(database.pool);
    const bareBatch = await createBareBatch(database.pool);
    const results: VariantLoad[] = [];
    for (const callers of CALLERS) {
      const crowd = database.connect({ max: Math.min(callers, BARE_CONNECTIONS_MAX) });
      const variants: [string, Act][] = [
        ['batched open, pool of 8', () => batches.openCheckout(order(batched))],
        ['bare batch (bench only), pool of 8', () => bareBatch.call({ key: randomUUID(), productId: bare })],
        ['reserve_inventory_for_payment, pool of 8', () => reserve(database, reserved)],
        ['bare UPDATE, pool of 8', () => database.pool.query(BARE_UPDATE, [pooled])],
        ['bare UPDATE, a connection each', () => crowd.query(BARE_UPDATE, [crowded])],
      ];
      results.push(...(await measureInTurns(variants, callers, turns)));
      await crowd.end();
    }
    return results;
  } finally {
    await database.drop();
  }
}

/** Orders of three out of six products, in every order; the last variant is the single function. */
export async function measureSixHotProducts(server: BenchServer, turns: Turns): Promise<VariantLoad[]> {
  const database = await server.createDatabase();
  try {
    const products = await createProducts(database.pool, 6);
    const batches = createCheckoutBatches(database.pool);
    let orders = 0;
    const three = () => {
      orders += 1;
      return order(
        ...rotated(
          [...products].sort(() => Math.random() - 0.5),
          orders,
        ).slice(0, 3),
      );
    };
    const results: VariantLoad[] = [];
    for (const callers of [64, 256]) {
      const variants: [string, Act][] = [
        ['batched open, pool of 8', () => batches.openCheckout(three())],
        ['open_checkout, pool of 8', () => openCheckout(database.pool, three())],
      ];
      results.push(...(await measureInTurns(variants, callers, turns)));
    }
    return results;
  } finally {
    await database.drop();
  }
}

const BARE_UPDATE =
  'update drop_products set available_inventory = available_inventory - 1 where id = $1 and available_inventory >= 1';

function reserve(database: BenchDatabase, productId: string): Promise<unknown> {
  return database.pool.query('select reserve_inventory_for_payment($1, $2)', [
    `pi_${randomUUID()}`,
    JSON.stringify([{ drop_product_id: productId, quantity: 1 }]),
  ]);
}

async function measureInTurns(
  variants: readonly [string, Act][],
  callers: number,
  { rounds, turnMs }: Turns,
): Promise<VariantLoad[]> {
  const loads = new Map<string, Load[]>(variants.map(([name]) => [name, []]));
  for (const [, act] of variants) await runCallers(callers, turnMs / 5, act);
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, act] of rotated(variants, round)) {
      loads.get(name)?.push(await runCallers(callers, turnMs, act));
    }
  }
  const base = loads.get(variants.at(-1)?.[0] ?? '') ?? [];
  return variants.map(([variant]) => {
    const own = loads.get(variant) ?? [];
    const ratios = own.map((load, round) => load.perSecond / (base[round]?.perSecond ?? 0));
    return { variant, callers, ratio: median(ratios), ...medianLoad(own) };
  });
}
