// The HTTP server around the app: its time limits, its start on a port, and its end with every answer given.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Express } from 'express';

/**
 * A drop's buyers connect in the same instant. Beyond Node's 511 the kernel drops a connection's first packet, and its buyer
 * waits seconds for the repeat instead of milliseconds for a "busy". Capped by the system's own limit.
 */
const ACCEPT_BACKLOG = 4_096;

export interface ApiServer {
  port: number;
  /** Stops accepting, lets answers in flight end for at most `drainMs`, then cuts what is left. */
  close(drainMs: number): Promise<void>;
}

/** @param port 0 picks a free one. @throws when the port is taken. */
export async function startServer(
  app: Express,
  { port, host }: { port: number; host: string },
): Promise<ApiServer> {
  const server = createServer(
    // For a whole request to arrive, headers first; answers have their own deadlines.
    { headersTimeout: 10_000, requestTimeout: 20_000, keepAliveTimeout: 15_000, maxHeaderSize: 16_384 },
    app,
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host, backlog: ACCEPT_BACKLOG }, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: (drainMs) =>
      new Promise((resolve) => {
        const cut = setTimeout(() => server.closeAllConnections(), drainMs);
        server.close(() => {
          clearTimeout(cut);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}
