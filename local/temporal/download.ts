// Gets a server the way the Temporal SDK does (its "cached download"), in a process of its own that is given up when
// nothing arrives: the SDK itself waits without a limit.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Guardian } from '../processes/guardian';
import { run } from '../processes/run';

export interface Download {
  kind: 'dev-server' | 'time-skipping';
  /** A release tag, such as `v1.8.2`. */
  version: string;
  /** An empty folder that receives the program. */
  folder: string;
  log: (line: string) => void;
  guardian?: Guardian | undefined;
}

export type DownloadResult = { path: string } | { failure: string };

const FIRST_BYTE_WITHIN_MS = 10_000;
const LIMIT_MS = 15 * 60_000;

/** The program's path inside `folder`, or why there is none: host not reachable, no first byte in 10 s, bad archive. */
export async function downloadServer(download: Download): Promise<DownloadResult> {
  const giveUp = new AbortController();
  const running = run(
    process.execPath,
    [join(__dirname, 'download-process.js'), download.kind, download.version, download.folder],
    {
      limitMs: LIMIT_MS,
      signal: giveUp.signal,
      guardian: download.guardian,
      onProgress: (seconds) =>
        download.log(`Downloading the server: ${megabytes(download.folder)} MB after ${seconds} s.`),
    },
  );
  if (!(await watchFirstByte(download.folder, running))) giveUp.abort();
  const result = await running;
  const program = readdirSync(download.folder).find((name) => !name.endsWith('.downloading'));
  if (program && result.status === 0) return { path: join(download.folder, program) };
  if (giveUp.signal.aborted) return { failure: `nothing arrived within ${FIRST_BYTE_WITHIN_MS / 1_000} s` };
  return { failure: lastLine(result.output) || 'the download ended without a result' };
}

/** True once something has arrived or the download has ended by itself. */
async function watchFirstByte(folder: string, running: Promise<unknown>): Promise<boolean> {
  let ended = false;
  void running.then(() => (ended = true));
  const deadline = Date.now() + FIRST_BYTE_WITHIN_MS;
  while (Date.now() < deadline) {
    if (ended || bytes(folder) > 0) return true;
    await delay(100);
  }
  return false;
}

function bytes(folder: string): number {
  return readdirSync(folder).reduce(
    (sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}

function megabytes(folder: string): number {
  return Math.round(bytes(folder) / 1_000_000);
}

function lastLine(output: string): string {
  return output.trim().split('\n').at(-1)?.trim() ?? '';
}
