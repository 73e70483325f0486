// Tells whether a process noted earlier is still the same one: a pid alone may have been given to a stranger since.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

export interface ProcessIdentity {
  pid: number;
  /** When the kernel started it, as an opaque text: clock ticks since boot (Linux) or a date (`ps` elsewhere). */
  startedAt: string;
}

/**
 * The start time of a live process, or null when there is none. A zombie counts as gone: it holds nothing any more.
 */
export function readStartTime(pid: number): string | null {
  return process.platform === 'linux' ? startTimeFromProc(pid) : startTimeFromPs(pid);
}

/** A noted process for `pid`, or null when it has ended already. */
export function identify(pid: number): ProcessIdentity | null {
  const startedAt = readStartTime(pid);
  return startedAt === null ? null : { pid, startedAt };
}

/** Whether exactly this process still runs. */
export function isRunning(identity: ProcessIdentity): boolean {
  return readStartTime(identity.pid) === identity.startedAt;
}

/** The command line of a live process as one text, or an empty text. */
export function readCommandLine(pid: number): string {
  try {
    return process.platform === 'linux'
      ? readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
      : ps(pid, 'command=');
  } catch {
    return '';
  }
}

/**
 * Ends a process: the signal, then SIGKILL when it has not gone within `graceMs`. Returns once it is gone, at the latest
 * 2 s after SIGKILL. A process that is gone, or whose pid is another's by now, is left alone.
 */
export async function endProcess(
  identity: ProcessIdentity,
  signal: NodeJS.Signals,
  graceMs: number,
): Promise<void> {
  if (!sendSignal(identity, signal)) return;
  if (await hasGone(identity, graceMs)) return;
  sendSignal(identity, 'SIGKILL');
  await hasGone(identity, 2_000);
}

/** Sends the signal if exactly this process still runs; tells whether it did. */
export function sendSignal(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isRunning(identity)) return false;
  try {
    process.kill(identity.pid, signal);
    return true;
  } catch {
    return false; // ended in between, or another user's
  }
}

async function hasGone(identity: ProcessIdentity, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while (isRunning(identity)) {
    if (Date.now() >= deadline) return false;
    await delay(25);
  }
  return true;
}

function startTimeFromProc(pid: number): string | null {
  try {
    // The name in parentheses may hold spaces and parentheses itself: fields are counted from the last ')' on.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null); // field 22 of proc(5)
  } catch {
    return null;
  }
}

function startTimeFromPs(pid: number): string | null {
  try {
    return ps(pid, 'stat=').startsWith('Z') ? null : ps(pid, 'lstart=') || null;
  } catch {
    return null; // ps exits with 1 when there is no such process
  }
}

function ps(pid: number, column: string): string {
  return execFileSync('ps', ['-o', column, '-p', String(pid)], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
}
