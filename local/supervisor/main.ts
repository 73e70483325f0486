// The supervisor of `npm start`: runs the whole product on one machine until it is told to stop.
import { join } from 'node:path';
import { ConfigError, loadConfig } from '../../platform/config';
import { readableError } from '../processes/errors';
import { startGuardian } from '../processes/guardian';
import type { Guardian } from '../processes/guardian';
import { identify } from '../processes/identity';
import { bannerLines } from './banner';
import { openDataFolder } from './data-folder';
import type { DataFolder } from './data-folder';
import { prepareDatabase } from './database';
import { createOutput } from './output';
import type { Output } from './output';
import { dataFolderPath, makePlan } from './plan';
import type { Plan } from './plan';
import { readSecrets } from './secrets';
import type { Secrets } from './secrets';
import { emptyStack, startStack, stopStack } from './stack';
import type { Programs, Stack } from './stack';
import { describeStack, removeStackFile, stackFilePath, writeStackFile } from './stack-file';
import { listenForStop } from './stop-requests';

export interface SupervisorOptions {
  /** The project's folder. */
  root: string;
  /** The parent when the process began: before a long installation, it may die. */
  parentPid: number;
  /** Replaces some of the programs, in tests. */
  programs?: Partial<Programs>;
}

/** A stop is cut off here, whatever still hangs; the guardian ends what is left. */
const STOP_LIMIT_MS = 9_500;
/** For what a stop in the middle of a start left, and nobody keeps. */
const SWEEP_GRACE_MS = 500;

/** Runs until stopped, then ends the process: 0 after a stop that was asked for, 1 after a fault. */
export async function main(options: SupervisorOptions): Promise<void> {
  const output = createOutput((text) => process.stdout.write(text), process.stdout.isTTY === true);
  process.stdout.on('error', () => {}); // the terminal may be gone before we are
  try {
    await supervise(options, output);
    process.exit(0);
  } catch (error) {
    process.stderr.write(`${error instanceof ConfigError ? error.message : readableError(error)}\n`);
    process.exit(1);
  }
}

async function supervise(options: SupervisorOptions, output: Output): Promise<void> {
  const startedAt = Date.now();
  const config = loadConfig(process.env);
  const stop = listenForStop(options.parentPid, () => output.say('Stopping already.'));
  const folder = await openDataFolder(dataFolderPath(config, options.root), output.say);
  const guardian = startGuardian();
  guardian.removeOnDeath(stackFilePath(folder.path));
  let stack: Stack | undefined;
  try {
    const plan = await makePlan(config, options.root);
    const secrets = secretsOf(plan);
    stack = emptyStack(plan);
    const announcer = createAnnouncer(stack, plan, secrets, folder, guardian);
    const starting = startStack(stack, {
      plan,
      root: options.root,
      secrets,
      programs: { ...ownPrograms(options.root), ...options.programs },
      guardian,
      output,
      onChange: announcer.onChange,
    });
    const reason = await Promise.race([starting, stop.requested]);
    if (typeof reason !== 'string') {
      announcer.announce(output, startedAt);
      output.say(`Stopping: ${await stop.requested}.`);
    } else {
      starting.catch(() => {}); // its parts are ended under it
      output.say(`Stopping: ${reason}.`);
    }
  } finally {
    await endEverything(stack, folder, guardian);
    stop.close();
  }
  output.say('Stopped.');
}

/** Keeps both notes about the running processes true: the one for the next start, and, once ready, `stack.json`. */
function createAnnouncer(
  stack: Stack,
  plan: Plan,
  secrets: Secrets,
  folder: DataFolder,
  guardian: Guardian,
): { onChange(): void; announce(output: Output, startedAt: number): void } {
  let isReady = false;
  const onChange = () => {
    const pids = [...stack.parts.values()].map((part) => part.pid());
    const processes = [...pids, guardian.pid].map((pid) => (pid === null ? null : identify(pid)));
    folder.noteProcesses(processes.filter((identity) => identity !== null));
    if (isReady) writeStackFile(folder.path, describeStack(stack, secrets));
  };
  return {
    onChange,
    announce(output, startedAt) {
      isReady = true;
      onChange();
      const seconds = (Date.now() - startedAt) / 1_000;
      const lines = bannerLines(describeStack(stack, secrets), { dataDir: plan.dataDir, seconds });
      for (const line of lines) output.say(line);
    },
  };
}

async function endEverything(
  stack: Stack | undefined,
  folder: DataFolder,
  guardian: Guardian,
): Promise<void> {
  const limit = setTimeout(() => process.exit(1), STOP_LIMIT_MS);
  removeStackFile(folder.path);
  if (stack) await stopStack(stack);
  removeStackFile(folder.path); // a restart that was under way may have written it again
  await guardian.endAll(SWEEP_GRACE_MS);
  folder.release();
  clearTimeout(limit);
}

/** With a database of one's own the secrets are required, because several machines must share them. */
function secretsOf({ config, dataDir, runs }: Plan): Secrets {
  const { checkoutTokenSecret, adminToken } = config.secrets;
  const given = { ...(checkoutTokenSecret && { checkoutTokenSecret }), ...(adminToken && { adminToken }) };
  if (runs.postgres) return readSecrets(dataDir, given);
  if (checkoutTokenSecret && adminToken) return { checkoutTokenSecret, adminToken };
  throw new ConfigError(['CHECKOUT_TOKEN_SECRET and ADMIN_TOKEN are required with DATABASE_URL']);
}

function ownPrograms(root: string): Programs {
  const program = (...path: string[]) => ['--import', 'tsx', join(root, ...path)];
  return {
    worker: program('worker', 'main.ts'),
    api: program('api', 'main.ts'),
    simulator: program('local', 'stripe-simulator', 'main.ts'),
    prepareDatabase,
  };
}
