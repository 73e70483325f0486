// The user's cache of programs that take long to get: each entry appears at once and complete, or not at all.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SetupError } from '../processes/errors';
import { releaseLock, takeLock } from '../processes/lock';

/** Longer than any build takes; whoever waits longer is told so. */
const WAIT_MAX_MS = 45 * 60_000;
const POLL_MS = 250;

/** `holdfast` in the user's cache folder (XDG base directories), made when missing. */
export function cacheFolder(): string {
  const folder = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'holdfast');
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** The path of a complete entry, or null. */
export function findCached(name: string): string | null {
  const path = join(cacheFolder(), name);
  return existsSync(path) ? path : null;
}

/**
 * Makes an entry unless it is there: `make` fills a draft folder and returns the path in it that becomes the entry.
 * Two processes at once do no harm: the second waits for the first, or makes it itself should the first die.
 * @returns the entry's path, or null when `make` returned null (it could not; nothing is left behind)
 */
export async function cacheOnce(
  name: string,
  make: (draft: string) => Promise<string | null>,
  log: (line: string) => void,
): Promise<string | null> {
  const path = join(cacheFolder(), name);
  const lockPath = `${path}.lock`;
  await acquire(lockPath, path, log);
  const draft = `${path}.${randomBytes(4).toString('hex')}.draft`;
  try {
    if (existsSync(path)) return path;
    mkdirSync(draft);
    const made = await make(draft);
    if (made === null) return null;
    renameSync(made, path);
    return path;
  } finally {
    rmSync(draft, { recursive: true, force: true });
    releaseLock(lockPath);
  }
}

async function acquire(lockPath: string, path: string, log: (line: string) => void): Promise<void> {
  const deadline = Date.now() + WAIT_MAX_MS;
  let told = false;
  while (takeLock(lockPath)) {
    if (Date.now() >= deadline)
      throw new SetupError(`Another process has been making ${path} for too long. Remove ${lockPath}.`);
    if (!told) log(`Another process is making ${path}: waiting for it.`);
    told = true;
    await delay(POLL_MS);
  }
}
