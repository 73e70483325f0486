// Polls Stripe's events while the worker runs. Any number of workers may: the database gives the turn to one at a time.
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';

import { pollEvents, type PollDeps } from '../activities/poll-events';

/** How often a worker asks the database whether it is its turn; a turn is due 3 s after the last one ended. */
const TICK_MS = 500;
/** A call to Stripe that hangs is not waited for at the end: what it would have stored is read again. */
const STOP_MAX_MS = 2_000;

/** Starts the loop. `stop()` ends it after the turn under way, or 2 s. */
export function startEventPoller(deps: PollDeps, logger: Logger): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const { signal } = stopping;
  const options = {
    tell: (message: string, { error, ...fields }: Record<string, unknown>) =>
      logger.warn({ ...fields, ...(error === undefined ? {} : { err: error }) }, message),
  };
  const loop = async () => {
    while (!signal.aborted) {
      await pollEvents(deps, options).catch((err: unknown) =>
        logger.warn({ err }, 'stripe events not polled'),
      );
      await pause(TICK_MS, undefined, { signal }).catch(() => undefined);
    }
  };
  const running = loop();
  return {
    stop: async () => {
      stopping.abort();
      await Promise.race([running, pause(STOP_MAX_MS, undefined, { ref: false })]);
    },
  };
}
