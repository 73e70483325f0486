// The server under measurement: an embedded PostgreSQL with fsync on, in a temporary folder, gone when the run is over.
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import type { Pool } from 'pg';

import { migrate } from '../../db/migrate';
import { createPool } from '../../db/pool';
import { startPostgres } from '../../local/postgres';
import { startGuardian } from '../../local/processes/guardian';

export interface BenchServer {
  /** A migrated database of its own. */
  createDatabase(): Promise<BenchDatabase>;
  stop(): Promise<void>;
}

export interface BenchDatabase {
  /** As many connections as a process of the product has. */
  pool: Pool;
  /** So many connections instead. Ended with the database at the latest. */
  connect(options: { max: number }): Pool;
  drop(): Promise<void>;
}

/** A caller at the end of a queue of a thousand waits for seconds: that is to be measured, not cut off. */
const PATIENCE_MS = 60_000;

/** Of the callers that have a connection each; what the run itself needs comes on top. */
export const BARE_CONNECTIONS_MAX = 256;

/** Starts it. A run that is killed takes it along. */
export async function startBenchServer(log: (line: string) => void): Promise<BenchServer> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
  chmodSync(folder, 0o711); // PostgreSQL's user must get through
  const guardian = startGuardian();
  const postgres = await startPostgres({
    dataDir: folder,
    port: 0,
    connectionsMax: BARE_CONNECTIONS_MAX + 50,
    guardian,
    log,
  });
  return {
    createDatabase: () => createDatabase(postgres.url),
    stop: async () => {
      await postgres.stop();
      await guardian.close();
      for (const path of [postgres.place, folder]) rmSync(path, { recursive: true, force: true });
    },
  };
}

async function createDatabase(serverUrl: string): Promise<BenchDatabase> {
  const name = `bench_${randomBytes(4).toString('hex')}`;
  await onServer(serverUrl, `create database ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  await migrate(url.href);
  const pools: Pool[] = [];
  const connect = ({ max }: { max: number }): Pool => {
    const pool = createPool({
      connectionString: url.href,
      applicationName: 'holdfast-bench',
      max,
      statementTimeoutMs: PATIENCE_MS,
      lockTimeoutMs: PATIENCE_MS,
      connectionTimeoutMs: PATIENCE_MS,
    });
    pools.push(pool);
    return pool;
  };
  return {
    pool: connect({ max: 8 }),
    connect,
    drop: async () => {
      await Promise.all(pools.filter((pool) => !pool.ended).map((pool) => pool.end()));
      await onServer(serverUrl, `drop database ${name} with (force)`);
    },
  };
}

async function onServer(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
