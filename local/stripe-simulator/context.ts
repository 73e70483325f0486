// What an operation may touch, and what it answers with.

import type { Clock } from './clock';
import type { EventRules } from './event-rules';
import type { Random } from './random';
import type { Store } from './store';
import type { Cause } from './types';

/** `publishable`: a browser with a client_secret, which sees and does less. */
export type Audience = 'secret' | 'publishable';

export interface Context {
  readonly store: Store;
  readonly clock: Clock;
  readonly cause: Cause;
  readonly eventRules: EventRules;
  readonly random: Random;
  /** The simulator's own address, for links to its pages. */
  readonly baseUrl: string;
}

export interface Outcome {
  readonly status: number;
  readonly body: object;
  /** Whether the answer is kept under the idempotency key: execution had begun. */
  readonly isStored: boolean;
}

export function ok(body: object): Outcome {
  return { status: 200, body, isStored: true };
}

export const NOBODY: Cause = { id: null, idempotency_key: null };
