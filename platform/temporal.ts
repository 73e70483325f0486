// Connections to Temporal, for clients and for workers, from one configuration: plain, TLS, mTLS or API key.
import { readFileSync } from 'node:fs';

import { Client, Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import type { TLSConfig } from '@temporalio/worker';

import type { TemporalConfig } from './config';
import { createClientRetries } from './temporal-retry';

export { ensureSearchAttributes, SearchAttributesError } from './search-attributes';

type Target = TemporalConfig & { address: string };

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * A client for starts, signals and updates. End it with `close`, not with the connection's own: see ClientRetries.
 * @param options.isLazy does not wait for the server: the process may then start, and serve what needs no Temporal,
 *   while Temporal is away. Every call still needs a deadline (`client.withDeadline`).
 * @throws if a certificate cannot be read or (not lazy) the server does not answer within 10 s.
 */
export async function connectTemporalClient(
  target: Target,
  options: { isLazy?: boolean } = {},
): Promise<{ client: Client; connection: Connection; close(): Promise<void> }> {
  const retries = createClientRetries();
  const settings = {
    ...connectionSettings(target),
    connectTimeout: CONNECT_TIMEOUT_MS,
    interceptors: [retries.interceptor],
  };
  const connection = options.isLazy === true ? Connection.lazy(settings) : await Connection.connect(settings);
  const close = async (): Promise<void> => {
    await retries.drain();
    await connection.close();
  };
  return { client: new Client({ connection, namespace: target.namespace }), connection, close };
}

/** A worker's connection. gzip costs a fifth of the Node CPU (measured) and buys nothing on one machine. */
export async function connectTemporalWorker(target: Target): Promise<NativeConnection> {
  return NativeConnection.connect({
    ...connectionSettings(target),
    ...(isLoopback(target.address) && { grpcCompression: { codec: 'none' } as const }),
  });
}

function connectionSettings(target: Target): { address: string; apiKey?: string; tls?: TLSConfig } {
  const { address, apiKey, tls } = target;
  return {
    address,
    ...(apiKey !== undefined && { apiKey }),
    ...(tls !== undefined && { tls: readTls(tls) }),
  };
}

function readTls(tls: NonNullable<TemporalConfig['tls']>): TLSConfig {
  const { certPath, keyPath, caPath, serverName } = tls;
  return {
    ...(serverName !== undefined && { serverNameOverride: serverName }),
    ...(caPath !== undefined && { serverRootCACertificate: readFileSync(caPath) }),
    ...(certPath !== undefined &&
      keyPath !== undefined && {
        clientCertPair: { crt: readFileSync(certPath), key: readFileSync(keyPath) },
      }),
  };
}

function isLoopback(address: string): boolean {
  return /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])(:\d+)?$/.test(address);
}
