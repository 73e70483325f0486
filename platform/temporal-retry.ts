// How a client's calls to Temporal are repeated: briefly, because a buyer waits, and never across the connection's end.
import { setTimeout as pause } from 'node:timers/promises';

import { isRetryableError, makeGrpcRetryInterceptor } from '@temporalio/client';
import type { ConnectionOptions } from '@temporalio/client';

type Interceptor = NonNullable<ConnectionOptions['interceptors']>[number];

const ATTEMPTS_MAX = 5;
const PAUSE_FIRST_MS = 100;
/** The SDK notices a call's deadline only after the pause it is in, so this is how late an answer may be. */
const PAUSE_MAX_MS = 1_000;

export interface ClientRetries {
  interceptor: Interceptor;
  /**
   * Stops repeating and waits (about a second at most) for pauses that have begun: the SDK's timer would otherwise call
   * into a closed channel, which throws where nobody can catch it and ends the process.
   */
  drain(): Promise<void>;
}

/** At most five attempts within about two seconds; which errors are repeated is the SDK's rule. */
export function createClientRetries(): ClientRetries {
  let isDraining = false;
  let lastPauseEndsAt = 0;
  return {
    interceptor: makeGrpcRetryInterceptor({
      retryableDecider: (attempt, status) =>
        !isDraining && attempt < ATTEMPTS_MAX && isRetryableError(status),
      delayFunction: (attempt) => {
        const pauseMs = Math.min(PAUSE_MAX_MS, PAUSE_FIRST_MS * 2 ** attempt) * (0.8 + Math.random() * 0.4);
        lastPauseEndsAt = Math.max(lastPauseEndsAt, Date.now() + pauseMs);
        return pauseMs;
      },
    }),
    drain: async () => {
      isDraining = true;
      const leftMs = lastPauseEndsAt - Date.now();
      if (leftMs > 0) await pause(leftMs + DRAIN_MARGIN_MS);
    },
  };
}

/** Timers fire a little late; the call they make then fails by itself. */
const DRAIN_MARGIN_MS = 50;
