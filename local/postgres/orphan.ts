// What a run that was killed leaves: a server still on our data, or a lock file that names a pid of somebody else by now.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { endProcess, identify, readCommandLine } from '../processes/identity';

/** SIGINT is PostgreSQL's fast shutdown: clients are cut off, data is whole. */
const STOP_GRACE_MS = 8_000;

/**
 * Ends a server of an earlier run that still holds `dataPath`, and clears a lock file whose process is not such a server:
 * PostgreSQL refuses to start while any process of its user has the pid written there.
 */
export async function clearOrphan(dataPath: string, log: (line: string) => void): Promise<void> {
  const lockPath = join(dataPath, 'postmaster.pid');
  const pid = readPid(lockPath);
  if (pid === null) return;
  const identity = identify(pid);
  if (identity && readCommandLine(pid).includes(dataPath)) {
    log(`Stopping a PostgreSQL server of an earlier run (pid ${pid}).`);
    await endProcess(identity, 'SIGINT', STOP_GRACE_MS);
  }
  rmSync(lockPath, { force: true });
}

function readPid(lockPath: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(lockPath, 'utf8').split('\n')[0] ?? '', 10);
    return pid > 0 ? pid : null;
  } catch {
    return null;
  }
}
