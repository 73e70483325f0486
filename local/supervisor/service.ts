// Keeps one part of the stack running: started once, started again with growing pauses whenever it ends unasked.
import { setTimeout as delay } from 'node:timers/promises';
import { readableError } from '../processes/errors';

export interface RunningPart {
  pid: number;
  /** Resolves when it has ended, asked for or not. */
  exited: Promise<void>;
  /** Ends it; what has not ended after `graceMs` is killed. */
  stop(graceMs: number): Promise<void>;
}

export interface KeptPart<T extends RunningPart> {
  name: string;
  /** The part as it was first started; after a restart only its pid differs. */
  first: T;
  /** Null while it is down. */
  pid(): number | null;
  stop(graceMs: number): Promise<void>;
}

export interface KeepOptions<T extends RunningPart> {
  name: string;
  start(): Promise<T>;
  /** Called after every start and every end. */
  onChange(): void;
  log(line: string): void;
  /** Pause before restart number `failures` in a row (1, 2, ...). Default `backoffMs`. */
  pauseMs?: (failures: number) => number;
}

/** A part that ran this long was well: its next pause is the shortest again. */
const WELL_AFTER_MS = 30_000;

/** 0.5 s, doubled for every failure in a row, at most 15 s. */
export function backoffMs(failures: number): number {
  return Math.min(15_000, 500 * 2 ** (Math.max(1, failures) - 1));
}

/**
 * Starts a part and keeps it running until `stop`. Restarts go on as long as the stack runs, each one said in a line.
 * @throws what `start` throws the first time: a part that cannot start at all is a fault of the set-up
 */
export async function keepRunning<T extends RunningPart>(options: KeepOptions<T>): Promise<KeptPart<T>> {
  const stopping = new AbortController();
  const first = await options.start();
  let current: T | null = first;
  options.onChange();

  async function keep(): Promise<void> {
    let failures = 0;
    let wellSince = Date.now();
    while (!stopping.signal.aborted) {
      await current?.exited;
      if (stopping.signal.aborted) return;
      if (current) {
        current = null;
        tellChange();
        if (Date.now() - wellSince >= WELL_AFTER_MS) failures = 0;
      }
      failures += 1;
      await pause(failures);
      current = await startAgain();
      wellSince = Date.now();
    }
  }

  /** Noting a change may fail (a full disk); what runs must not end for that. */
  function tellChange(): void {
    try {
      options.onChange();
    } catch (error) {
      options.log(readableError(error));
    }
  }

  async function pause(failures: number): Promise<void> {
    const pauseMs = (options.pauseMs ?? backoffMs)(failures);
    options.log(`ended unexpectedly: starting it again in ${pauseMs / 1_000} s`);
    await delay(pauseMs, undefined, { signal: stopping.signal }).catch(() => {});
  }

  async function startAgain(): Promise<T | null> {
    if (stopping.signal.aborted) return null;
    try {
      const part = await options.start();
      if (stopping.signal.aborted) {
        await part.stop(0);
        return null;
      }
      current = part;
      tellChange();
      options.log('runs again');
      return part;
    } catch (error) {
      options.log(readableError(error));
      return null;
    }
  }
  const kept = keep();

  return {
    name: options.name,
    first,
    pid: () => current?.pid ?? null,
    async stop(graceMs) {
      stopping.abort();
      await current?.stop(graceMs);
      // A start under way may take long; the guardian ends its process.
      await Promise.race([kept, delay(100)]);
    },
  };
}
