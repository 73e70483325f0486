// On what it was measured: a figure without it says nothing.
import { cpus } from 'node:os';

import { queryOne } from '../../db/query';
import { runCallers } from './load';
import type { BenchServer } from './cluster';

export interface Machine {
  cores: number;
  node: string;
  postgres: string;
  /** Median of one lone caller's smallest possible commit: the flush and the way there and back. */
  commitMs: number;
  fsync: string;
  synchronousCommit: string;
}

export async function describeMachine(server: BenchServer): Promise<Machine> {
  const database = await server.createDatabase();
  try {
    await database.pool.query('create table commit_probe (n integer)');
    const { p50Ms } = await runCallers(1, 300, () =>
      database.pool.query('insert into commit_probe values (1)'),
    );
    const row = await queryOne<{ version: string; fsync: string; synchronous_commit: string }>(
      database.pool,
      `select split_part(current_setting('server_version'), ' ', 1) as version, current_setting('fsync') as fsync,
         current_setting('synchronous_commit') as synchronous_commit`,
      [],
    );
    return {
      cores: cpus().length,
      node: process.versions.node,
      postgres: row.version,
      commitMs: p50Ms,
      fsync: row.fsync,
      synchronousCommit: row.synchronous_commit,
    };
  } finally {
    await database.drop();
  }
}
