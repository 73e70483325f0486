// `SETTLEMENT=paused`: what ends a checkout or moves money is put off, and until it is taken up again the units stay held.
import { renewLease } from '../db/checkouts';
import { RefusedByDatabaseError } from '../db/errors';
import type { ActivityDeps } from './deps';
import { watched } from './endless';

/** Nothing was done; ask again later. */
export interface Paused {
  outcome: 'paused';
}

/** Three times the longest time between two asks, so that no single one has to succeed. */
const LEASE_MIN_SECONDS = 900;
/** While paused, `HOLD_MAX_SECONDS` does not count: nobody can prove anything. Sixty years. */
const NO_HOLD_MAX_SECONDS = 2_000_000_000;

type Step<R> = (input: never) => Promise<R>;
type Pausable<A> = {
  [K in keyof A]: A[K] extends (input: infer I) => Promise<infer R>
    ? (input: I) => Promise<R | Paused>
    : never;
};

/** The same steps, each reading the switch at each call. While paused it only renews the checkout's lease. */
export function pausable<A extends Record<string, Step<unknown>>>(deps: ActivityDeps, steps: A): Pausable<A> {
  const entries = Object.entries(steps).map(([name, step]) => [
    name,
    (input: { checkoutId: string }) =>
      deps.settlement() === 'paused' ? putOff(deps, input.checkoutId) : step(input as never),
  ]);
  return Object.fromEntries(entries) as Pausable<A>;
}

async function putOff(deps: ActivityDeps, checkoutId: string): Promise<Paused> {
  const reclaimGraceSeconds = Math.max(deps.policy.reclaimGraceSeconds, LEASE_MIN_SECONDS);
  await watched(deps, { checkoutId, step: 'paused' }, async () => {
    try {
      await renewLease(deps.pool, { checkoutId, reclaimGraceSeconds, holdMaxSeconds: NO_HOLD_MAX_SECONDS });
    } catch (error) {
      // Nothing is held for a checkout that has no row.
      if (!(error instanceof RefusedByDatabaseError && error.reason === 'not_found')) throw error;
    }
  });
  return { outcome: 'paused' };
}
