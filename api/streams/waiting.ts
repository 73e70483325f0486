// A promise that somebody else settles, and a wait for it that has an end.
import { setTimeout as pause } from 'node:timers/promises';

import { Problem } from '../problems';

export interface Deferred<T> {
  promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

export function deferred<T>(): Deferred<T> {
  let settle: Omit<Deferred<T>, 'promise'> = { resolve: () => undefined, reject: () => undefined };
  const promise = new Promise<T>((resolve, reject) => (settle = { resolve, reject }));
  return { promise, ...settle };
}

/** What the promise answers. @throws what it throws; Problem `service_unavailable` after `ms`. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  const controller = new AbortController();
  const tooLate = pause(ms, undefined, { signal: controller.signal, ref: false }).then(() => {
    throw new Problem('service_unavailable', { retryAfterSeconds: 2 });
  });
  tooLate.catch(() => undefined);
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    controller.abort();
  }
}
