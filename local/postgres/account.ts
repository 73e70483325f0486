// Who runs PostgreSQL: whoever runs us, unless that is root, whom PostgreSQL refuses.
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { SetupError } from '../processes/errors';

export interface Account {
  name: string;
  uid: number;
  gid: number;
}

/**
 * The account to run as, or null for our own.
 * As root: the owner of an existing cluster, else `postgres`, made when missing, else any account that is not root's.
 * It must stand in the system's user table: initdb looks its own name up.
 * @param clusterPath an existing data directory, whose owner must stay the same
 */
export function chooseAccount(clusterPath: string, log: (line: string) => void): Account | null {
  if (process.getuid?.() !== 0) return null;
  const owner = ownerOf(clusterPath);
  if (owner) return owner;
  const postgres = findAccount((entry) => entry.name === 'postgres');
  if (postgres) return postgres;
  const created = createPostgresUser();
  if (created) {
    log('PostgreSQL does not run as root: made the user "postgres" for it.');
    return created;
  }
  const other = findAccount((entry) => entry.name === 'nobody') ?? findAccount((entry) => entry.uid > 0);
  if (!other)
    throw new SetupError(
      'PostgreSQL does not run as root, and this system has no other user. Add one, or set DATABASE_URL to a database of your own.',
    );
  log(`PostgreSQL does not run as root: it runs as "${other.name}".`);
  return other;
}

/** The spawn options that run a command as this account. */
export function asAccount(account: Account | null): { uid?: number; gid?: number } {
  return account ? { uid: account.uid, gid: account.gid } : {};
}

/** Whether the account may enter `folder` and, if asked, write there: tried for real, as that user. */
export function canEnter(account: Account | null, folder: string, access: 'read' | 'write'): boolean {
  if (!account) return true;
  const script = access === 'write' ? 'cd "$1" && test -w .' : 'cd "$1" && test -r .';
  const probe = spawnSync('/bin/sh', ['-c', script, 'sh', folder], {
    ...asAccount(account),
    cwd: '/',
    stdio: 'ignore',
  });
  return probe.status === 0;
}

function ownerOf(clusterPath: string): Account | null {
  const uid = statSync(clusterPath, { throwIfNoEntry: false })?.uid;
  return uid ? findAccount((entry) => entry.uid === uid) : null;
}

function createPostgresUser(): Account | null {
  spawnSync('groupadd', ['--system', 'postgres'], { stdio: 'ignore' });
  spawnSync('useradd', ['--system', '-g', 'postgres', '--no-create-home', 'postgres'], { stdio: 'ignore' });
  return findAccount((entry) => entry.name === 'postgres');
}

function findAccount(matches: (entry: Account) => boolean): Account | null {
  return readPasswd().find((entry) => entry.uid > 0 && matches(entry)) ?? null;
}

function readPasswd(): Account[] {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .filter((fields) => fields.length >= 7)
    .map((fields) => ({ name: fields[0] ?? '', uid: Number(fields[2]), gid: Number(fields[3]) }));
}
