// What happens by itself when simulator time has passed: authorisations expire, refunds settle.

import type { Context } from './context';
import type { JobKind, JobRecord } from './records';

export function scheduleJob(context: Context, kind: JobKind, target: string, delaySeconds: number): void {
  const dueAtMs = context.clock.nowMs() + delaySeconds * 1000;
  context.store.put('jobs', { id: jobId(kind, target), kind, target, dueAtMs });
}

export function cancelJob(context: Context, kind: JobKind, target: string): void {
  context.store.remove('jobs', jobId(kind, target));
}

/** Jobs whose time has come, oldest first. */
export function dueJobs(context: Context): JobRecord[] {
  const now = context.clock.nowMs();
  return [...context.store.all('jobs')]
    .filter((job) => job.dueAtMs <= now)
    .toSorted((a, b) => a.dueAtMs - b.dueAtMs);
}

function jobId(kind: JobKind, target: string): string {
  return `${kind}:${target}`;
}
