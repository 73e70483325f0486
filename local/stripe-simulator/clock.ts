// The simulator's clock: the wall clock plus what the control plane has advanced. Signatures never use it.

import { readMeta } from './meta';
import type { Store } from './store';

export interface Clock {
  /** Simulator time. */
  nowMs(): number;
  nowSeconds(): number;
}

export function createClock(store: Store): Clock {
  const nowMs = () => Date.now() + readMeta(store).clockOffsetSeconds * 1000;
  return { nowMs, nowSeconds: () => Math.floor(nowMs() / 1000) };
}

/** The wall clock with milliseconds, for what is compared with other processes' times. */
export function wallTime(): string {
  return new Date().toISOString();
}
