// PostgreSQL stopped without warning in the middle of a sale, on a cluster that flushes: what was answered is there afterwards,
// what was not is found out by asking again.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';

import { createCheckoutBatches } from '../../../db/checkout-batches';
import { isRetryableDatabaseError } from '../../../db/errors';
import { migrate } from '../../../db/migrate';
import { createPool } from '../../../db/pool';
import { startPostgres } from '../../../local/postgres';
import type { RunningPostgres } from '../../../local/postgres';
import { startGuardian } from '../../../local/processes/guardian';
import { createProducts } from '../support';
import { expectAgreement, runSale } from './mixed';
import type { Sale } from './mixed';

const CALLERS = 3_000;
const UNITS = 150;
/** Two stops: a third and two thirds through. */
const STOPS = [CALLERS / 3, (2 * CALLERS) / 3];
/** One call meets at most as many stops as there are, and a moment of recovery after each. */
const TRIES_MAX = 12;
const RUN_MAX_MS = 150_000;

test(
  'stopped twice mid-sale and restarted: model and database agree, every unknown outcome resolved by replay',
  async () => {
    const server = await startStoppable();
    const patient = { connectionString: server.url, statementTimeoutMs: 20_000, lockTimeoutMs: 20_000 };
    const crowd = createPool({
      ...patient, applicationName: 'holdfast-crowd', max: 32, connectionTimeoutMs: 30_000,
    }); // prettier-ignore
    const processes = [1, 2].map((n) => createPool({ ...patient, applicationName: `holdfast-process-${n}` }));
    const stops: Promise<void>[] = [];
    let unknown = 0;
    try {
      await migrate(server.url);
      const sale: Sale = {
        crowd,
        batches: processes.map((pool) => createCheckoutBatches(pool)),
        products: await createProducts(crowd, 4, { total: UNITS }),
        callers: CALLERS,
        seed: 2,
        call: async (act) => {
          for (let tries = 1; ; tries += 1) {
            try {
              return await act();
            } catch (error) {
              if (!isRetryableDatabaseError(error) || tries === TRIES_MAX) throw error;
              unknown += 1;
              await server.untilUp();
            }
          }
        },
        onDone: (callers) => {
          if (STOPS.includes(callers)) stops.push(server.stopAndRestart());
        },
      };
      const ledger = await runSale(sale);
      await Promise.all(stops);
      expect(stops).toHaveLength(STOPS.length);
      // Otherwise nobody was in the middle of anything.
      expect(unknown).toBeGreaterThan(STOPS.length);
      await expectAgreement(sale, ledger, UNITS);
    } finally {
      await Promise.allSettled(stops);
      await Promise.all([crowd, ...processes].map((pool) => pool.end()));
      await server.remove();
    }
  },
  RUN_MAX_MS,
);

interface Stoppable {
  url: string;
  /** As `pg_ctl stop -m immediate`, then started again on the same port. */
  stopAndRestart(): Promise<void>;
  /** Resolves once no restart is under way. */
  untilUp(): Promise<void>;
  remove(): Promise<void>;
}

async function startStoppable(): Promise<Stoppable> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-crash-'));
  chmodSync(folder, 0o711); // PostgreSQL's user must get through
  const guardian = startGuardian();
  const start = (port: number) => startPostgres({ dataDir: folder, port, guardian, log: () => undefined });
  let running: RunningPostgres = await start(0);
  const { url, port, place } = running;
  let up: Promise<void> = Promise.resolve();
  return {
    url,
    stopAndRestart: () => {
      up = (async () => {
        process.kill(running.pid, 'SIGQUIT');
        await running.exited;
        running = await start(port);
        await answers(url);
      })();
      return up;
    },
    untilUp: () => up,
    remove: async () => {
      await running.stop();
      await guardian.close();
      for (const path of [place, folder]) rmSync(path, { recursive: true, force: true });
    },
  };
}

async function answers(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query('select 1');
  await client.end();
}
