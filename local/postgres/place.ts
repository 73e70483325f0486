// Where a cluster lives: in the data folder, or, where that is closed to PostgreSQL's user, in a folder of its own to which
// the data folder then holds a symbolic link. Whoever deletes the data folder so deletes the way to the old cluster.
import { randomBytes } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  lstatSync,
  mkdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { SetupError } from '../processes/errors';
import { canEnter } from './account';
import type { Account } from './account';

/** Folders that every user can enter and that survive a restart of the machine, best first. */
const SHARED_FOLDERS = ['/var/lib', '/var/tmp', '/tmp'];

/**
 * The folder of the cluster (`data` and `password` inside), made when missing and writable for `account`.
 * @param dataDir the data folder of the project; `postgres` inside it is the place, or a link to it
 */
export function preparePlace(dataDir: string, account: Account | null, log: (line: string) => void): string {
  const home = join(dataDir, 'postgres');
  mkdirSync(dataDir, { recursive: true, mode: 0o711 });
  const linked = followLink(home);
  if (linked) return linked;
  mkdirSync(home, { recursive: true, mode: 0o700 });
  if (!account) return home;
  chownSync(home, account.uid, account.gid);
  if (canEnter(account, home, 'write')) return home;
  const place = join(reachableFolder(account), `cluster-${randomBytes(6).toString('hex')}`);
  mkdirSync(place, { mode: 0o700 });
  chownSync(place, account.uid, account.gid);
  rmSync(home, { recursive: true });
  symlinkSync(place, home);
  log(`A folder above ${dataDir} is closed to the user "${account.name}": PostgreSQL's data is in ${place}.`);
  return place;
}

/** A folder for this program's own files that `account` can enter, made when missing. */
export function reachableFolder(account: Account | null): string {
  if (!account) {
    const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'holdfast');
    mkdirSync(cache, { recursive: true });
    return cache;
  }
  for (const shared of SHARED_FOLDERS) {
    const folder = join(shared, 'holdfast');
    if (makeOwnFolder(shared, folder) && canEnter(account, folder, 'read')) return folder;
  }
  throw new SetupError(
    `PostgreSQL runs as "${account.name}", who can enter none of ${SHARED_FOLDERS.join(', ')}. ` +
      'Run as another user than root, or set DATABASE_URL to a database of your own.',
  );
}

function makeOwnFolder(parent: string, folder: string): boolean {
  try {
    accessSync(parent, constants.W_OK);
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    const stat = lstatSync(folder); // a stranger's folder or link in a place open to all is not taken
    if (!stat.isDirectory() || stat.uid !== process.getuid?.()) return false;
    chmodSync(folder, 0o755); // whatever the umask says
    return true;
  } catch {
    return false;
  }
}

/** The target of an existing link; a link to nothing (the target was cleaned away) is removed. */
function followLink(home: string): string | null {
  if (!lstatSync(home, { throwIfNoEntry: false })?.isSymbolicLink()) return null;
  try {
    return realpathSync(home);
  } catch {
    rmSync(home);
    return null;
  }
}
