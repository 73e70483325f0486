// Polling with a deadline: tests wait for facts, never for time.
import { setTimeout as pause } from 'node:timers/promises';

const PAUSE_FIRST_MS = 20;
const PAUSE_MAX_MS = 250;

/** Repeats `read` until it answers something other than undefined, null or false. @throws after `timeoutMs`. */
export async function until<T>(
  what: string,
  read: () => Promise<T | undefined | null | false>,
  timeoutMs = 20_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let last: unknown;
  let pauseMs = PAUSE_FIRST_MS;
  while (Date.now() < deadline) {
    try {
      const value = await read();
      if (value !== undefined && value !== null && value !== false) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    await pause(pauseMs);
    pauseMs = Math.min(pauseMs * 2, PAUSE_MAX_MS);
  }
  throw new Error(`Waited ${timeoutMs} ms in vain for: ${what} (last: ${String(last)})`);
}
