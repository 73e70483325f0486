// The checker: a process of its own that looks at `inventory_drift` every 250 ms and prints what it saw, one JSON line a sample.
// It ends when its standard input closes, which it does at the latest when whoever started it is gone.
import { setTimeout as pause } from 'node:timers/promises';

import { findInventoryDrift } from '../../../db/invariants';
import { createPool } from '../../../db/pool';

const SAMPLE_EVERY_MS = 250;

async function main(connectionString: string): Promise<void> {
  const ended = new AbortController();
  process.stdin.resume().once('close', () => ended.abort());
  const pool = createPool({
    connectionString,
    applicationName: 'holdfast-checker',
    max: 1,
    statementTimeoutMs: 20_000,
  });
  while (!ended.signal.aborted) {
    const startedAt = performance.now();
    console.log(JSON.stringify(await findInventoryDrift(pool)));
    const leftMs = Math.max(0, SAMPLE_EVERY_MS - (performance.now() - startedAt));
    await pause(leftMs, undefined, { signal: ended.signal }).catch(() => undefined);
  }
  await pool.end();
}

void main(process.env['DATABASE_URL'] ?? '');
