// The data folder: one stack at a time, and what an earlier one left running is ended first.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError } from '../processes/errors';
import { endProcess, isRunning } from '../processes/identity';
import type { ProcessIdentity } from '../processes/identity';
import { releaseLock, takeLock } from '../processes/lock';

export interface DataFolder {
  path: string;
  /** Notes who runs, so that a next start can end what outlived a kill. */
  noteProcesses(processes: ProcessIdentity[]): void;
  release(): void;
}

const ORPHAN_GRACE_MS = 8_000;

/**
 * Makes the folder, takes its lock and ends the processes of a run that was killed.
 * @throws SetupError when another stack runs there
 */
export async function openDataFolder(path: string, log: (line: string) => void): Promise<DataFolder> {
  // Others may pass through but not look around: PostgreSQL's user must get to its own folder inside.
  mkdirSync(path, { recursive: true, mode: 0o711 });
  const lockPath = join(path, 'supervisor.lock');
  const taken = takeLock(lockPath);
  if (taken) {
    const pid = taken.holder ? ` (pid ${taken.holder.pid})` : '';
    throw new SetupError(
      `Holdfast already runs with the data folder ${path}${pid}. Stop it first, or set HOLDFAST_DATA_DIR to another folder.`,
    );
  }
  const notePath = join(path, 'processes.json');
  rmSync(join(path, 'stack.json'), { force: true }); // of a run that was killed: nothing answers there
  await endOrphans(notePath, log);
  return {
    path,
    noteProcesses: (processes) => writeAtOnce(notePath, processes),
    release() {
      rmSync(notePath, { force: true });
      releaseLock(lockPath);
    },
  };
}

/** Writes a JSON file that is either the old or the new one, readable for its owner alone. */
export function writeAtOnce(path: string, content: unknown): void {
  const draft = `${path}.new`;
  writeFileSync(draft, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, path);
}

async function endOrphans(notePath: string, log: (line: string) => void): Promise<void> {
  const orphans = readNote(notePath).filter(isRunning);
  if (orphans.length > 0)
    log(`Stopping what an earlier run left (pids ${orphans.map((orphan) => orphan.pid).join(', ')}).`);
  await Promise.all(orphans.map((orphan) => endProcess(orphan, 'SIGTERM', ORPHAN_GRACE_MS)));
}

function readNote(notePath: string): ProcessIdentity[] {
  try {
    return JSON.parse(readFileSync(notePath, 'utf8')) as ProcessIdentity[];
  } catch {
    return []; // none, or cut off by a full disk
  }
}
