// A lock file that names its holder. One whose holder is dead, kill -9 included, is taken over.
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { systemErrorCode } from './errors';
import { identify, isRunning } from './identity';
import type { ProcessIdentity } from './identity';

/** A lock that nobody can read is left alone this long: its holder may be writing it this instant. */
const UNREADABLE_MAX_MS = 5_000;

/** Takes the lock for this process. Null: it is ours; otherwise who holds it (undefined: not to be told just now). */
export function takeLock(path: string): { holder: ProcessIdentity | undefined } | null {
  if (create(path)) return null;
  const holder = readHolder(path);
  if (holder === 'stale') clearStale(path);
  if (holder === 'stale' && create(path)) return null;
  return { holder: typeof holder === 'object' ? holder : undefined };
}

/** Gives the lock back. */
export function releaseLock(path: string): void {
  rmSync(path, { force: true });
}

/**
 * Removes a stale lock. Two takers must not both do that, or the second would remove the first one's fresh lock; so they
 * take turns, and each looks again in its turn.
 */
function clearStale(path: string): void {
  const turn = `${path}.turn`;
  if (!create(turn)) {
    if (isOld(turn)) rmSync(turn, { force: true }); // its taker died in the instant of its turn
    return;
  }
  try {
    if (readHolder(path) === 'stale') rmSync(path, { force: true });
  } finally {
    rmSync(turn, { force: true });
  }
}

function create(path: string): boolean {
  try {
    writeFileSync(path, JSON.stringify(identify(process.pid)), { flag: 'wx' });
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

function readHolder(path: string): ProcessIdentity | 'stale' | 'unknown' {
  try {
    const holder = JSON.parse(readFileSync(path, 'utf8')) as ProcessIdentity;
    return isRunning(holder) ? holder : 'stale';
  } catch {
    return isOld(path) ? 'stale' : 'unknown'; // being written, just released, or cut off by a crash or a full disk
  }
}

function isOld(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && Date.now() - stat.mtimeMs > UNREADABLE_MAX_MS;
}
