// Every number of ours that a worker shows, beside those about Stripe; each is listed in docs/operations.md.
import type { Registry } from 'prom-client';

import type { WatchObserver } from '../activities';
import type { CheckoutBatchesOptions } from '../db/checkout-batches';
import type { Db } from '../db/query';
import { observeBatches, observeDrift } from './stock-metrics';
import { observeBacklog, observeWatch } from './watch-metrics';

export interface WorkerMetrics {
  observer: Required<WatchObserver>;
  batchObserver: Required<CheckoutBatchesOptions>;
}

export function createWorkerMetrics(registry: Registry, db: Db): WorkerMetrics {
  observeDrift(registry, db);
  observeBacklog(registry, db);
  return { observer: observeWatch(registry), batchObserver: observeBatches(registry) };
}
