// An embedded PostgreSQL 18 on the loopback interface: set up on its first start, then started, reached and stopped.
import { join } from 'node:path';
import { SetupError } from '../processes/errors';
import type { Guardian } from '../processes/guardian';
import { choosePort } from '../processes/ports';
import { chooseAccount } from './account';
import { prepareBinaries } from './binaries';
import { openCluster, SUPERUSER } from './cluster';
import { clearOrphan } from './orphan';
import { preparePlace, reachableFolder } from './place';
import { launch } from './server';

export interface PostgresOptions {
  /** The project's data folder; the cluster is in `postgres` inside it. */
  dataDir: string;
  /** 0 picks a free one. */
  port: number;
  log: (line: string) => void;
  /** False gives up durability for speed; for clusters that are thrown away. Default true. */
  durable?: boolean;
  /** Default 200. */
  connectionsMax?: number;
  /** Told to end the server when this process dies. */
  guardian?: Guardian;
}

export interface RunningPostgres {
  /** Superuser connection to the database `holdfast`, password included. */
  url: string;
  port: number;
  pid: number;
  /** Where the cluster really is: outside `dataDir` when that is closed to PostgreSQL's user. */
  place: string;
  /** Resolves when the server has ended, asked for or not. */
  exited: Promise<void>;
  /** Fast shutdown: clients are cut off, nothing is lost. */
  stop(): Promise<void>;
}

const DATABASE = 'holdfast';

/**
 * Starts the server and makes sure of the database `holdfast`. Survives what a killed run left behind.
 * @throws SetupError in one line: port taken, no binaries for this system, disk full, server refused to start
 */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const { dataDir, log, durable = true } = options;
  const account = chooseAccount(join(dataDir, 'postgres', 'data'), log);
  const place = preparePlace(dataDir, account, log);
  const binaries = prepareBinaries({ account, reachableFolder: () => reachableFolder(account), log });
  const cluster = await openCluster({ place, binaries, account, durable, guardian: options.guardian });
  await clearOrphan(cluster.dataPath, log);
  const port = await choosePort(options.port, 'POSTGRES_PORT');
  const server = await launch({
    ...cluster,
    binaries,
    account,
    place,
    port,
    durable,
    connectionsMax: options.connectionsMax,
    guardian: options.guardian,
    log,
  });
  try {
    await server.ensureDatabase(DATABASE);
  } catch (error) {
    await server.stop();
    throw new SetupError(
      `PostgreSQL does not answer: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  return {
    url: `postgresql://${SUPERUSER}:${cluster.password}@127.0.0.1:${port}/${DATABASE}`,
    port,
    pid: server.pid,
    place,
    exited: server.exited,
    stop: () => server.stop(),
  };
}
