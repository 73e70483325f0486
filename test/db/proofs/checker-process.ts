// Starts the checker beside a test and ends it. A checker that crashed, never connected or looked away is a failure, not a pass.
import { spawn, type ChildProcess } from 'node:child_process';
import { join, resolve } from 'node:path';

import type { InventoryDrift } from '../../../db/invariants';
import { until } from '../../support/until';

const READY_MS = 60_000;
const STOP_MS = 30_000;
/** It means to look every 250 ms; a machine that is busy with the run itself, and with other work, may slow it down to this. */
const MS_PER_SAMPLE_MAX = 2_000;

export interface Checker {
  /** What each look has found so far. */
  looks(): InventoryDrift[][];
  /** Ends it. @throws unless it ran to this moment and looked often enough. */
  stop(): Promise<{ samples: number; drift: InventoryDrift[] }>;
  /** Ends it however it stands; for a test that has failed already. */
  kill(): void;
}

/** Resolves with its first look. */
export async function startChecker(databaseUrl: string): Promise<Checker> {
  const child = spawn(process.execPath, ['--import', 'tsx', join(__dirname, 'checker.ts')], {
    cwd: resolve(__dirname, '../../..'),
    env: { ...process.env, DATABASE_URL: databaseUrl },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  child.stdin.on('error', () => undefined); // it may be gone before it is told
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const looks = () =>
    output
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as InventoryDrift[]);
  const closed = new Promise((close) => child.once('close', close));
  const failure = () => new Error(`The checker process ended by itself:\n${errors}`);
  await until('the checker to look', async () => hasEnded(child) || looks().length > 0, READY_MS).catch(
    (error: unknown) => {
      child.kill('SIGKILL');
      throw error;
    },
  );
  if (hasEnded(child)) throw failure();
  const startedAt = performance.now();
  return {
    looks,
    stop: async () => {
      if (hasEnded(child)) throw failure();
      const ranMs = performance.now() - startedAt;
      child.stdin.end();
      const cutOff = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await closed;
      clearTimeout(cutOff);
      if (child.exitCode !== 0) throw failure();
      const drift = looks();
      if (drift.length < ranMs / MS_PER_SAMPLE_MAX) {
        throw new Error(`The checker looked ${drift.length} times in ${Math.round(ranMs)} ms.`);
      }
      return { samples: drift.length, drift: drift.flat() };
    },
    kill: () => void child.kill('SIGKILL'),
  };
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
