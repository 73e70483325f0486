// Connections to PostgreSQL. Few of them on purpose: a hot product gets slower, not faster, with more.
import { Pool } from 'pg';
import type { PoolClient } from 'pg';

export interface PoolOptions {
  connectionString: string;
  /** Shown in pg_stat_activity. */
  applicationName: string;
  /** 2 to 8 is where one hot row is fastest (measured: 256 connections gave an eighth). */
  max?: number;
  /** Below the 2 s a local activity may take, so that the database gives up first. */
  statementTimeoutMs?: number;
  /** Applies to rows and advisory locks alike; below the statement's, so that the error says which it was. */
  lockTimeoutMs?: number;
  /** How long a caller waits for a free connection. */
  connectionTimeoutMs?: number;
  /** Told when a connection breaks while nobody uses it. Without a listener Node would end the process. */
  log?: { error(fields: object, message: string): void };
}

/** A transaction that sits idle holds locks; only a process that hangs or a broken network does that. */
const IDLE_IN_TRANSACTION_MS = 10_000;

/** Makes a pool; connects on first use. The caller ends it. */
export function createPool(options: PoolOptions): Pool {
  const {
    connectionString,
    applicationName,
    max = 8,
    statementTimeoutMs = 1_800,
    lockTimeoutMs = 1_500,
  } = options;
  const pool = new Pool({
    connectionString,
    application_name: applicationName,
    max,
    statement_timeout: statementTimeoutMs,
    lock_timeout: lockTimeoutMs,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    connectionTimeoutMillis: options.connectionTimeoutMs ?? 2_000,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
  });
  pool.on('error', (err) => options.log?.error({ err }, 'idle database connection broke'));
  return pool;
}

/**
 * Runs `fn` in one transaction on one connection: committed when it resolves, rolled back when it throws. A connection whose
 * rollback fails is thrown away with whatever it held.
 */
export async function withTransaction<T>(pool: Pool, fn: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin');
    const result = await fn(client);
    await client.query('commit');
    return result;
  } catch (err) {
    await client.query('rollback').catch((rollbackErr: unknown) => {
      broken = rollbackErr instanceof Error ? rollbackErr : new Error('rollback failed');
    });
    throw err;
  } finally {
    client.release(broken);
  }
}
