// How long cleaning up keeps a buyer of the same product waiting: one buyer asks without pause while the dead holds are expired.
// Another, of a product that is not cleaned up, waits for no lock of the cleanup: what he sees is the machine.
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';

import { cleanupExpiredReservations } from '../../db/cleanup';
import { openCheckout } from '../../db/checkouts';
import { findInventoryDrift } from '../../db/invariants';
import type { BenchServer } from './cluster';
import { createHolds, createProducts, order } from './fixtures';
import { median, summarise } from './load';
import type { Load } from './load';

export interface Cleanup {
  holds: number;
  rowsPerSecond: number;
  /** The longest one call of 5,000 took. */
  callMaxMs: number;
  /** The longest wait while nothing is cleaned up, and of the buyer of another product during the cleanup; medians. */
  quietMaxMs: number;
  otherMaxMs: number;
  /** The buyer's longest wait during the cleanup: median of the rounds, and the worst of all. */
  stallMedianMs: number;
  stallMaxMs: number;
  buyerP99Ms: number;
}

interface Cleaning {
  probed: Load;
  other: Load;
  callMaxMs: number;
  rowsPerSecond: number;
}

type Run = Cleaning & { quiet: Load };

export async function measureCleanup(
  server: BenchServer,
  { rounds, holds }: { rounds: number; holds: number },
): Promise<Cleanup> {
  const runs: Run[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const database = await server.createDatabase();
    try {
      const [product, other] = (await createProducts(database.pool, 2)) as [string, string];
      // A lease that ends in the past: dead from the start.
      await createHolds(database.pool, product, { holds, leaseSeconds: -60 });
      const [quiet] = await probeDuring(database.pool, [product, other], () => delay(1_000));
      runs.push({ quiet, ...(await cleanUp(database.pool, [product, other], holds)) });
      if ((await findInventoryDrift(database.pool)).length > 0) throw new Error('the inventory drifted');
    } finally {
      await database.drop();
    }
  }
  const of = (pick: (run: Run) => number) => runs.map(pick);
  return {
    holds,
    rowsPerSecond: median(of((run) => run.rowsPerSecond)),
    callMaxMs: median(of((run) => run.callMaxMs)),
    quietMaxMs: median(of((run) => run.quiet.maxMs)),
    otherMaxMs: median(of((run) => run.other.maxMs)),
    stallMedianMs: median(of((run) => run.probed.maxMs)),
    stallMaxMs: Math.max(...of((run) => run.probed.maxMs)),
    buyerP99Ms: median(of((run) => run.probed.p99Ms)),
  };
}

async function cleanUp(pool: Pool, products: readonly [string, string], holds: number): Promise<Cleaning> {
  let callMaxMs = 0;
  let expired = 0;
  const startedAtMs = performance.now();
  let elapsedMs = 0;
  const [probed, other] = await probeDuring(pool, products, async () => {
    while (expired < holds) {
      const sentAtMs = performance.now();
      const rows = await cleanupExpiredReservations(pool);
      callMaxMs = Math.max(callMaxMs, performance.now() - sentAtMs);
      if (rows === 0) throw new Error(`only ${expired} of ${holds} dead holds were found`);
      expired += rows;
    }
    elapsedMs = performance.now() - startedAtMs;
  });
  return { probed, other, callMaxMs, rowsPerSecond: (expired / elapsedMs) * 1_000 };
}

/** What two buyers, each of one product and asking without pause, saw while `work` ran. */
async function probeDuring(
  pool: Pool,
  products: readonly [string, string],
  work: () => Promise<unknown>,
): Promise<[Load, Load]> {
  let isWorking = true;
  const probe = async (product: string): Promise<Load> => {
    const latenciesMs: number[] = [];
    const startedAtMs = performance.now();
    while (isWorking) {
      const sentAtMs = performance.now();
      await openCheckout(pool, order(product));
      latenciesMs.push(performance.now() - sentAtMs);
    }
    return summarise(latenciesMs, performance.now() - startedAtMs);
  };
  const probing = Promise.all([probe(products[0]), probe(products[1])]);
  try {
    await work();
  } finally {
    isWorking = false;
  }
  return probing;
}
