// The files of a cluster: made by initdb in one step that either happened or did not, with a password of its own.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError } from '../processes/errors';
import type { Guardian } from '../processes/guardian';
import { asAccount } from './account';
import type { Account } from './account';
import type { Binaries } from './binaries';

export interface Cluster {
  dataPath: string;
  password: string;
}

export interface ClusterOptions {
  /** The folder that holds or will hold the cluster. */
  place: string;
  binaries: Binaries;
  account: Account | null;
  /** False skips the flush to disk, for clusters that are thrown away. */
  durable: boolean;
  guardian: Guardian | undefined;
}

/** The superuser of every cluster made here. */
export const SUPERUSER = 'holdfast';

/**
 * The cluster in `place`, initialised when there is none yet. UTF-8 with the built-in C.UTF-8 rules, so that order and
 * comparison do not depend on the machine (PostgreSQL 17 and later).
 */
export async function openCluster(options: ClusterOptions): Promise<Cluster> {
  const dataPath = join(options.place, 'data');
  const passwordPath = join(options.place, 'password');
  if (existsSync(dataPath)) {
    if (!existsSync(passwordPath))
      throw new SetupError(
        `${passwordPath} is missing: without it nobody can enter the database in ${dataPath}.`,
      );
    return { dataPath, password: readFileSync(passwordPath, 'utf8').trim() };
  }
  const password = randomBytes(24).toString('base64url');
  writeFileSync(passwordPath, `${password}\n`, { mode: 0o600 });
  if (options.account) chownSync(passwordPath, options.account.uid, options.account.gid);
  const draft = `${dataPath}.new`; // an interrupted initdb leaves a draft only
  rmSync(draft, { recursive: true, force: true });
  await initialise({ ...options, dataPath: draft, passwordPath });
  renameSync(draft, dataPath);
  return { dataPath, password };
}

/** One flush of the file system in place of one for each of a thousand files, which a busy disk draws out to many seconds. */
function syncFlags(durable: boolean): string[] {
  if (!durable) return ['--no-sync'];
  return process.platform === 'linux' ? ['--sync-method=syncfs'] : [];
}

async function initialise(
  options: ClusterOptions & { dataPath: string; passwordPath: string },
): Promise<void> {
  const flags = [
    `--pgdata=${options.dataPath}`,
    `--username=${SUPERUSER}`,
    `--pwfile=${options.passwordPath}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-instructions',
    ...syncFlags(options.durable),
  ];
  const child = spawn(options.binaries.initdb, flags, {
    ...asAccount(options.account),
    cwd: options.place, // it looks its own folder up, and ours may be closed to it
    env: { ...process.env, LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // a group of its own: it starts servers for a moment
  });
  if (child.pid) options.guardian?.watchGroup(child.pid); // a draft is thrown away anyway
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-4_000)));
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (child.pid) options.guardian?.unwatch(child.pid);
  if (status === 0) return;
  rmSync(options.dataPath, { recursive: true, force: true });
  if (output.includes('No space left'))
    throw new SetupError('The disk is full: PostgreSQL could not be set up.');
  throw new SetupError(`PostgreSQL could not be set up (initdb): ${output.trim()}`);
}
