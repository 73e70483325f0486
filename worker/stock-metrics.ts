// The worker's numbers about stock and batches.
import { Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';

import type { CheckoutBatchesOptions } from '../db/checkout-batches';
import { readMaintenanceHealth } from '../db/cleanup';
import type { Db } from '../db/query';

/**
 * `holdfast_inventory_drift`: findings of the last audit, whichever worker made it; read when asked, so that all workers say
 * the same. -1 while nothing is known: no audit yet, or the database is away.
 */
export function observeDrift(registry: Registry, db: Db): void {
  const gauge: Gauge = new Gauge({
    name: 'holdfast_inventory_drift',
    help: 'Contradictions between stock, reservations, checkouts and orders found by the last audit; -1: not known.',
    registers: [registry],
    collect: async () => {
      const health = await readMaintenanceHealth(db).catch(() => null);
      gauge.set(health?.drift ?? -1);
    },
  });
}

/** `holdfast_batch_members`: how many checkouts went to the database in one call, by step and result. */
export function observeBatches(registry: Registry): Required<CheckoutBatchesOptions> {
  const members = new Histogram({
    name: 'holdfast_batch_members',
    help: 'Checkouts in one call to the database.',
    labelNames: ['step', 'result'],
    buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500],
    registers: [registry],
  });
  return {
    onCall: (step, call) => members.observe({ step, result: call.failed ? 'failed' : 'ok' }, call.members),
  };
}
