// The Temporal SDK's own numbers. It serves them itself, by native code: on a port of the loopback interface that nobody needs
// to know, because the process's one metrics page repeats them.
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

import type { TelemetryOptions } from '@temporalio/worker';

const READ_MS = 2_000;

export interface SdkMetrics {
  telemetryOptions: TelemetryOptions;
  /** The numbers as text in Prometheus's format; empty when they cannot be read just now. */
  read(): Promise<string>;
}

/** For `Runtime.install`. Seconds, `_total` and `_seconds`, as Prometheus names things. */
export async function prepareSdkMetrics(): Promise<SdkMetrics> {
  const bindAddress = `127.0.0.1:${await freePort()}`;
  return {
    telemetryOptions: {
      metrics: {
        prometheus: {
          bindAddress,
          countersTotalSuffix: true,
          unitSuffix: true,
          useSecondsForDurations: true,
        },
        attachServiceName: false,
      },
    },
    read: async () => {
      try {
        const response = await fetch(`http://${bindAddress}/metrics`, {
          signal: AbortSignal.timeout(READ_MS),
        });
        return response.ok ? await response.text() : '';
      } catch {
        return '';
      }
    },
  };
}

/** Free at this moment; who is second at it fails at the start and is started again. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
