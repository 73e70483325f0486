// The numbers of the live streams.
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';

export interface StreamMetrics {
  listening(listeners: number): void;
  refused(): void;
  dropped(): void;
  /** @returns to be called with how the query ended. */
  startRead(kind: string): (result: 'ok' | 'failed') => void;
}

export function createStreamMetrics(registry: Registry): StreamMetrics {
  const listeners = new Gauge({
    name: 'holdfast_stream_listeners',
    help: 'Clients that listen to live streams of this process now.',
    registers: [registry],
  });
  const refused = new Counter({
    name: 'holdfast_streams_refused_total',
    help: 'Live streams refused because the process, or the checkout, has as many listeners as it may.',
    registers: [registry],
  });
  const dropped = new Counter({
    name: 'holdfast_streams_dropped_total',
    help: 'Live streams cut because their client did not read.',
    registers: [registry],
  });
  const reads = new Histogram({
    name: 'holdfast_stream_read_seconds',
    help: 'Queries of the live streams, by kind and result: one for all listeners together.',
    labelNames: ['kind', 'result'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2],
    registers: [registry],
  });
  return {
    listening: (count) => listeners.set(count),
    refused: () => refused.inc(),
    dropped: () => dropped.inc(),
    startRead: (kind) => {
      const done = reads.startTimer({ kind });
      return (result) => void done({ result });
    },
  };
}
