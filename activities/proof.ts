// The lease around every attempt at Stripe: renewed before and after, watched by a person, and bounded.
import { closeIncidents } from '../db/incidents';
import { renewLease, type LeaseAnswer } from '../db/checkouts';
import { report } from './decisions';
import type { ActivityDeps } from './deps';

export function renewWhileAsking(deps: ActivityDeps, checkoutId: string): Promise<LeaseAnswer> {
  return renewLease(deps.pool, {
    checkoutId,
    reclaimGraceSeconds: deps.policy.reclaimGraceSeconds,
    holdMaxSeconds: deps.holdMaxSeconds,
  });
}

/** Stripe has said how the payment ended: what a person was called for until then is over. */
export async function withProof(deps: ActivityDeps, checkoutId: string): Promise<void> {
  await closeIncidents(deps.pool, { checkoutId, kinds: ['payment_end_unproven', 'payment_unresolved'] });
}

/** An attempt that proved nothing: renews the lease, and tells a person, or gives up the hold, when it is time. */
export async function withoutProof(
  deps: ActivityDeps,
  { checkoutId, n, isReleased }: { checkoutId: string; n: number; isReleased: boolean },
): Promise<{ outcome: 'hold_max_reached' } | null> {
  const lease = await renewWhileAsking(deps, checkoutId);
  if (lease.graceExceeded) await report(deps, checkoutId, 'payment_end_unproven', { n });
  return lease.holdMaxReached && !isReleased ? { outcome: 'hold_max_reached' } : null;
}
