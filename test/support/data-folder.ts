// A data folder of a test's own for a whole stack, and its removal, wherever the database in it really is.
import { chmodSync, lstatSync, mkdtempSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder that PostgreSQL's user can reach even when tests run as root; its path has a space. */
export function makeDataDir(): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast stack-'));
  chmodSync(folder, 0o711);
  return folder;
}

/** Removes a data folder and, where it was closed to PostgreSQL's user, the database that a link in it leads to. */
export function removeDataDir(dataDir: string): void {
  const link = join(dataDir, 'postgres');
  if (lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink())
    rmSync(readlinkSync(link), { recursive: true, force: true });
  rmSync(dataDir, { recursive: true, force: true });
}
