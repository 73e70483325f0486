// The gate before a start: beyond so many checkouts opening at once, buyers are told at once that it is busy.
import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';

import { Problem } from './problems';

const BUSY_RETRY_AFTER_SECONDS = 2;

export interface InFlightGate {
  /** Runs `fn` while counted. @throws Problem `busy`, before `fn` is called, when the gate is full. */
  run<Result>(fn: () => Promise<Result>): Promise<Result>;
}

export function createInFlightGate(max: number, metrics: Registry): InFlightGate {
  let inFlight = 0;
  const gauge = new Gauge({
    name: 'holdfast_checkouts_in_flight',
    help: 'Checkouts that this process is opening now.',
    registers: [metrics],
  });
  const refused = new Counter({
    name: 'holdfast_checkouts_busy_total',
    help: 'Starts refused because too many checkouts were opening.',
    registers: [metrics],
  });
  return {
    async run(fn) {
      if (inFlight >= max) {
        refused.inc();
        throw new Problem('busy', { retryAfterSeconds: BUSY_RETRY_AFTER_SECONDS });
      }
      inFlight += 1;
      gauge.set(inFlight);
      try {
        return await fn();
      } finally {
        inFlight -= 1;
        gauge.set(inFlight);
      }
    },
  };
}
