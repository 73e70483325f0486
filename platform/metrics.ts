// Prometheus metrics of a process and the small HTTP server that shows them, apart from the public port.
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { collectDefaultMetrics, Registry } from 'prom-client';

/** A registry of its own per process (and per test), labelled with the process's name. */
export function createMetricsRegistry(processName: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ process: processName });
  return registry;
}

/** Adds Node's own metrics (event loop, memory). For processes, not tests: they keep a GC observer open. */
export function collectProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry });
}

export interface MetricsServerOptions {
  registry: Registry;
  /** 0 picks a free port. */
  port: number;
  host: string;
  isHealthy: () => boolean;
  /** Numbers of others in this process, as text in the same format; shown below the registry's. */
  readMore?: () => Promise<string>;
}

export interface MetricsServer {
  port: number;
  close(): Promise<void>;
}

/** Serves `GET /metrics`, and `GET /healthz`: 200 while `isHealthy()`, else 503. @throws if the port is taken. */
export async function startMetricsServer(options: MetricsServerOptions): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    answer(options, request, response).catch(() => response.writeHead(500).end());
  });
  server.requestTimeout = 5_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  options: MetricsServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method !== 'GET') {
    response.writeHead(405).end();
  } else if (request.url === '/metrics') {
    const body = await options.registry.metrics();
    const more = (await options.readMore?.()) ?? '';
    response.writeHead(200, { 'content-type': options.registry.contentType }).end(`${body}${more}`);
  } else if (request.url === '/healthz') {
    const isHealthy = options.isHealthy();
    response
      .writeHead(isHealthy ? 200 : 503, { 'content-type': 'application/json' })
      .end(JSON.stringify({ status: isHealthy ? 'ok' : 'unavailable' }));
  } else {
    response.writeHead(404).end();
  }
}
