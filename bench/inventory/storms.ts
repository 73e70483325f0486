// A sale begins: so many orders in the same tick, until all are answered.
import { createCheckoutBatches } from '../../db/checkout-batches';
import { openCheckout } from '../../db/checkouts';
import type { OpenInput, OpenOutcome } from '../../db/checkouts';
import { BusyError } from '../../db/errors';
import { findInventoryDrift } from '../../db/invariants';
import type { BenchDatabase, BenchServer } from './cluster';
import { createProducts, order } from './fixtures';
import { medianLoad, summarise } from './load';
import type { Load } from './load';

export interface Storm extends Load {
  way: string;
  orders: number;
  units: number;
  /** Until the last one was answered. */
  allAnsweredMs: number;
  /** Told to come again, nothing done; over all rounds. */
  busy: number;
}

interface Way {
  way: string;
  orders: number;
  units: number;
  /** As many processes, each with a batcher of its own; 0: no batcher. */
  batchers: number;
}

const WAYS: readonly Way[] = [
  { way: 'batched open, one process', orders: 2_000, units: 500, batchers: 1 },
  { way: 'open_checkout, pool of 8', orders: 2_000, units: 500, batchers: 0 },
  { way: 'batched open, two processes', orders: 10_000, units: 1_000, batchers: 2 },
];

/** @throws Error when not exactly as many win as there are units, or the numbers do not add up. */
export async function measureStorms(server: BenchServer, { rounds }: { rounds: number }): Promise<Storm[]> {
  const database = await server.createDatabase();
  try {
    const runs = new Map<Way, OneStorm[]>(WAYS.map((way) => [way, []]));
    await storm(database, { way: 'warm-up', orders: 500, units: 100, batchers: 1 });
    for (let round = 0; round < rounds; round += 1) {
      for (const way of WAYS) runs.get(way)?.push(await storm(database, way));
    }
    if ((await findInventoryDrift(database.pool)).length > 0) throw new Error('the inventory drifted');
    return WAYS.map((way) => {
      const own = runs.get(way) ?? [];
      const load = medianLoad(own.map((one) => one.load));
      const busy = own.reduce((sum, one) => sum + one.busy, 0);
      return { way: way.way, orders: way.orders, units: way.units, allAnsweredMs: load.maxMs, busy, ...load };
    });
  } finally {
    await database.drop();
  }
}

interface OneStorm {
  load: Load;
  busy: number;
}

async function storm(database: BenchDatabase, { orders, units, batchers }: Way): Promise<OneStorm> {
  const [product] = (await createProducts(database.pool, 1, units)) as [string];
  const openers = openersOf(database, batchers);
  const inputs = Array.from({ length: orders }, () => order(product));
  const latenciesMs: number[] = [];
  let won = 0;
  let busy = 0;
  const startedAtMs = performance.now();
  const open = async (input: OpenInput, n: number): Promise<void> => {
    try {
      const answer = await openers[n % openers.length]?.(input);
      if (answer?.outcome === 'opened') won += 1;
    } catch (error) {
      if (!(error instanceof BusyError)) throw error;
      busy += 1;
    }
    latenciesMs.push(performance.now() - startedAtMs);
  };
  await Promise.all(inputs.map(open));
  if (won !== units) throw new Error(`${won} orders won ${units} units`);
  return { load: summarise(latenciesMs, performance.now() - startedAtMs), busy };
}

function openersOf(
  database: BenchDatabase,
  batchers: number,
): ((input: OpenInput) => Promise<OpenOutcome>)[] {
  if (batchers === 0) return [(input) => openCheckout(database.pool, input)];
  return Array.from({ length: batchers }, () => createCheckoutBatches(database.pool).openCheckout);
}
