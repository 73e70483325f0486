// Starts a Stripe simulator in this process: state from the journal, HTTP on the loopback address, deliveries in the background.

import type { AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import { createClock } from './clock';
import { Faults } from './faults';
import { createHttpServer } from './http/server';
import { pruneKeys } from './idempotency';
import { Journal } from './journal';
import { lockDataDir } from './lock';
import { redactingLog, SILENT } from './log';
import type { Log } from './log';
import { ensureMeta, readMeta } from './meta';
import { SYSTEM_RANDOM, seededRandom } from './random';
import { createSimulator } from './simulator';
import { Store } from './store';
import { Dispatcher } from './webhooks/dispatcher';

export { PUBLISHABLE_KEY, SECRET_KEY } from './http/auth';
export { API_VERSION } from './version';

/** Only this machine may reach it: it has no real authentication. */
const HOST = '127.0.0.1';
const TICK_MS = 1_000;

export interface SimulatorOptions {
  /** 0 picks a free one. */
  readonly port: number;
  /** Folder of the journal; null keeps everything in memory and forgets it at the end. */
  readonly dataDir: string | null;
  /** A running journal below this size is not compacted. */
  readonly compactBytesMin?: number;
  /** The same ids and the same shuffling in every run; in memory only, for the ids of a journal would come again. */
  readonly seed?: string;
  readonly log?: Log;
}

export interface RunningSimulator {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Resolves once it answers. Throws when the port is taken, the data folder is used by another simulator, or the
 * journal is damaged anywhere but at its torn end.
 */
export async function startSimulator(options: SimulatorOptions): Promise<RunningSimulator> {
  if (options.seed !== undefined && options.dataDir !== null) {
    throw new Error('a seed needs a simulator in memory: with a journal its ids would come again');
  }
  const log = redactingLog(options.log ?? SILENT);
  const unlock = options.dataDir === null ? () => {} : await lockDataDir(options.dataDir);
  const store = new Store();
  let journal: Journal | null = null;
  try {
    journal = options.dataDir === null ? null : new Journal(options.dataDir, options.compactBytesMin);
    if (journal) keepJournal(store, journal, log);
    return await run(store, journal, unlock, options, log);
  } catch (error) {
    journal?.close();
    unlock();
    throw error;
  }
}

/** State from the journal, and from then on a journal that stays in proportion to it. */
function keepJournal(store: Store, journal: Journal, log: Log): void {
  store.attach(journal);
  store.onCommit(() => {
    if (!journal.isOvergrown) return;
    try {
      store.compact();
    } catch (err) {
      log.error({ err }, 'journal not compacted, it goes on growing');
    }
  });
}

async function run(
  store: Store,
  journal: Journal | null,
  unlock: () => void,
  options: SimulatorOptions,
  log: Log,
): Promise<RunningSimulator> {
  const random = options.seed === undefined ? SYSTEM_RANDOM : seededRandom(options.seed);
  ensureMeta(store, random);
  const clock = createClock(store);
  store.transaction(() => pruneKeys(store, clock));
  let url = '';
  const simulator = createSimulator({ store, clock, log, random, baseUrl: () => url });
  const dispatcher = new Dispatcher(store, clock, log, random);
  const server = createHttpServer(simulator, new Faults(store), dispatcher);
  const port = await listen(server, options.port);
  url = `http://${HOST}:${port}`;
  const { policy } = readMeta(store);
  if (policy.mode !== 'deliver')
    log.warn({ mode: policy.mode }, 'webhooks are not delivered: policy of an earlier run');
  dispatcher.start();
  const ticker = setInterval(() => simulator.tick(), TICK_MS).unref();
  log.info({ url, data: journal ? 'journal' : 'memory' }, 'stripe simulator ready');
  return {
    url,
    port,
    close: async () => {
      clearInterval(ticker);
      dispatcher.close();
      await closeServer(server);
      journal?.close();
      unlock();
    },
  };
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, HOST, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
