// db/schema.sql, read from a scratch database that was migrated for it alone.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { Client } from 'pg';

import { migrate } from '../../db/migrate';
import { dumpSchema } from '../../db/schema-dump';
import { startPostgres } from '../postgres';

const SCRATCH = `holdfast_generate_${process.pid}`;

/** @param serverUrl a server where a scratch database may be made; undefined runs an embedded one for the moment. */
export async function currentSchema(serverUrl: string | undefined): Promise<string> {
  return serverUrl === undefined ? withEmbeddedServer(schemaOn) : schemaOn(serverUrl);
}

async function withEmbeddedServer<Result>(fn: (serverUrl: string) => Promise<Result>): Promise<Result> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'holdfast-generate-'));
  chmodSync(dataDir, 0o711); // PostgreSQL's user must get through
  try {
    const postgres = await startPostgres({ dataDir, port: 0, durable: false, log: () => undefined });
    try {
      return await fn(postgres.url);
    } finally {
      await postgres.stop();
      rmSync(postgres.place, { recursive: true, force: true }); // outside `dataDir` where that is closed
    }
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function schemaOn(serverUrl: string): Promise<string> {
  const admin = new Client({ connectionString: serverUrl });
  await admin.connect();
  try {
    await admin.query(`create database ${SCRATCH}`);
    try {
      const scratchUrl = Object.assign(new URL(serverUrl), { pathname: `/${SCRATCH}` }).href;
      await migrate(scratchUrl);
      return await dumpSchema(scratchUrl);
    } finally {
      await admin.query(`drop database if exists ${SCRATCH} with (force)`);
    }
  } finally {
    await admin.end();
  }
}
