// Whether the cost grows with what is already held: the same calls on an empty database and on one whose product has a mass of
// live holds, in turns.
import { randomUUID } from 'node:crypto';

import { createCheckoutBatches } from '../../db/checkout-batches';
import { readDrop } from '../../db/drops';
import type { BenchDatabase, BenchServer } from './cluster';
import { createHolds, createProducts, order } from './fixtures';
import { median, medianLoad, rotated, runCallers } from './load';
import type { Load } from './load';

export interface LiveHolds {
  call: string;
  callers: number;
  empty: Load;
  full: Load;
  /** Time per call with the holds against without, median of the rounds; 1 is flat. */
  costRatio: number;
}

type Calls = Record<string, { callers: number; act: () => Promise<unknown> }>;

export async function measureLiveHolds(
  server: BenchServer,
  { rounds, holds, turnMs }: { rounds: number; holds: number; turnMs: number },
): Promise<LiveHolds[]> {
  const databases = { empty: await server.createDatabase(), full: await server.createDatabase() };
  try {
    const empty = await prepare(databases.empty, 0);
    const full = await prepare(databases.full, holds);
    const loads = new Map<string, Load[]>();
    for (let round = 0; round <= rounds; round += 1) {
      for (const call of Object.keys(empty)) {
        for (const [name, calls] of rotated([['empty', empty] as const, ['full', full] as const], round)) {
          const { callers, act } = calls[call] ?? missing(call);
          // Round 0 warms up; it is not counted.
          const load = await runCallers(callers, round === 0 ? turnMs / 5 : turnMs, act);
          if (round > 0) loads.set(`${name} ${call}`, [...(loads.get(`${name} ${call}`) ?? []), load]);
        }
      }
    }
    return Object.entries(empty).map(([call, { callers }]) => {
      const [without, within] = [loads.get(`empty ${call}`) ?? [], loads.get(`full ${call}`) ?? []];
      const ratios = without.map((load, round) => load.perSecond / (within[round]?.perSecond ?? 0));
      return {
        call,
        callers,
        empty: medianLoad(without),
        full: medianLoad(within),
        costRatio: median(ratios),
      };
    });
  } finally {
    await databases.empty.drop();
    await databases.full.drop();
  }
}

/** The product under measurement carries the holds itself; a second one carries as many and has nothing left. */
async function prepare({ pool }: BenchDatabase, holds: number): Promise<Calls> {
  const [product] = (await createProducts(pool, 1)) as [string];
  const [soldOut] = (await createProducts(pool, 1, Math.max(1, holds / 2))) as [string];
  await createHolds(pool, product, { holds: Math.max(1, holds / 2), leaseSeconds: 3_600 });
  await createHolds(pool, soldOut, { holds: Math.max(1, holds / 2), leaseSeconds: 3_600 });
  const { rows } = await pool.query<{ drop_id: string }>('select drop_id from drop_products where id = $1', [
    product,
  ]);
  const dropId = rows[0]?.drop_id ?? missing(product);
  const batches = createCheckoutBatches(pool);
  const reserve = (id: string) =>
    pool.query('select reserve_inventory_for_payment($1, $2)', [
      `pi_${randomUUID()}`,
      JSON.stringify([{ drop_product_id: id, quantity: 1 }]),
    ]);
  return {
    'batched open': { callers: 64, act: () => batches.openCheckout(order(product)) },
    reserve_inventory_for_payment: { callers: 4, act: () => reserve(product) },
    'the same, sold out': { callers: 4, act: () => reserve(soldOut) },
    'availability (a drop with its product)': { callers: 4, act: () => readDrop(pool, dropId) },
  };
}

function missing(what: string): never {
  throw new Error(`${what} is not there`);
}
