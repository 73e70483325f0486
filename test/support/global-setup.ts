// Starts, once per jest run and only when a selected project asks, the real servers that tests run against. The addresses
// reach the test files through environment variables, which jest hands on to its workers.
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { startPostgres } from '../../local/postgres';
import { startGuardian } from '../../local/processes/guardian';
import type { Guardian } from '../../local/processes/guardian';
import { resolveTemporalCli, startTemporal } from '../../local/temporal/dev-server';
import { resolveTimeSkippingServer } from '../../local/temporal/test-server';

/**
 * - `postgres`: HOLDFAST_TEST_POSTGRES_URL, superuser, a maintenance database
 * - `temporal-cli`: TEMPORAL_CLI_PATH, so that every `npm start` of a test uses what was found once
 * - `temporal`: HOLDFAST_TEST_TEMPORAL_ADDRESS, a dev server in memory with the product's search attributes
 * - `time-skipping`: HOLDFAST_TEST_TIME_SKIPPING_PATH, the executable
 * - `bundle`: HOLDFAST_TEST_WORKFLOW_BUNDLE, the file with the bundled workflow code
 */
export type TestServer = 'postgres' | 'temporal-cli' | 'temporal' | 'time-skipping' | 'bundle';

interface TestServers {
  folder: string;
  guardian: Guardian;
  started: Map<TestServer, Promise<void>>;
  stops: (() => Promise<void>)[];
}

/** Kept on the global object: jest loads this file anew for every project's set-up and for the tear-down. */
const KEY = Symbol.for('holdfast.test-servers');
const registry = globalThis as { [KEY]?: TestServers };

const SEARCH_ATTRIBUTES = [
  'CheckoutStatus=Keyword',
  'PaymentIntentId=Keyword',
  'AmountMinor=Int',
  'FailureCode=Keyword',
];

/** Makes sure that these run; one that another project has asked for already is not started again. */
export async function provideServers(wanted: TestServer[]): Promise<void> {
  const servers = (registry[KEY] ??= openRegistry());
  const begin = (server: TestServer): Promise<void> => {
    const running = servers.started.get(server) ?? STARTERS[server](servers, begin);
    servers.started.set(server, running);
    return running;
  };
  try {
    await Promise.all(wanted.map(begin));
  } catch (error) {
    await stopServers(); // jest runs no tear-down after a failed set-up
    throw error;
  }
}

/** Stops everything that `provideServers` started and removes its files. */
export async function stopServers(): Promise<void> {
  const servers = registry[KEY];
  if (!servers) return;
  delete registry[KEY];
  await Promise.allSettled(servers.started.values());
  await Promise.all(servers.stops.map((stop) => stop()));
  await servers.guardian.close();
  rmSync(servers.folder, { recursive: true, force: true });
}

function openRegistry(): TestServers {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
  chmodSync(folder, 0o711); // PostgreSQL's user must get through
  return { folder, guardian: startGuardian(), started: new Map(), stops: [] };
}

type Starter = (servers: TestServers, begin: (server: TestServer) => Promise<void>) => Promise<void>;

const STARTERS: Record<TestServer, Starter> = {
  postgres: startTestPostgres,
  'temporal-cli': findCli,
  temporal: startTestTemporal,
  'time-skipping': findTimeSkippingServer,
  bundle: bundleWorkflows,
};

async function startTestPostgres({ folder, guardian, stops }: TestServers): Promise<void> {
  const postgres = await startPostgres({ dataDir: folder, port: 0, durable: false, guardian, log });
  process.env['HOLDFAST_TEST_POSTGRES_URL'] = postgres.url;
  stops.push(async () => {
    await postgres.stop();
    rmSync(postgres.place, { recursive: true, force: true }); // outside `folder` where that is closed
  });
}

async function findCli({ guardian }: TestServers): Promise<void> {
  const cli = await resolveTemporalCli({ guardian, log });
  process.env['TEMPORAL_CLI_PATH'] = cli.path;
}

async function startTestTemporal(
  { guardian, stops }: TestServers,
  begin: (server: TestServer) => Promise<void>,
): Promise<void> {
  await begin('temporal-cli');
  const temporal = await startTemporal({
    cliPath: process.env['TEMPORAL_CLI_PATH'] ?? '',
    namespace: 'default',
    dbPath: null,
    port: 0,
    uiPort: null,
    searchAttributes: SEARCH_ATTRIBUTES,
    guardian,
    log,
  });
  process.env['HOLDFAST_TEST_TEMPORAL_ADDRESS'] = temporal.address;
  stops.push(() => temporal.stop());
}

async function findTimeSkippingServer({ guardian }: TestServers): Promise<void> {
  process.env['HOLDFAST_TEST_TIME_SKIPPING_PATH'] = await resolveTimeSkippingServer({ guardian, log });
}

async function bundleWorkflows({ folder }: TestServers): Promise<void> {
  const workflowsPath = resolve(__dirname, '../../workflows/index.ts');
  if (!existsSync(workflowsPath)) return;
  const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('WARN') });
  const path = join(folder, 'workflow-bundle.js');
  writeFileSync(path, code);
  process.env['HOLDFAST_TEST_WORKFLOW_BUNDLE'] = path;
}

function log(line: string): void {
  process.stderr.write(`[servers] ${line}\n`);
}
