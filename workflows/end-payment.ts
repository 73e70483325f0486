// Compensation's first half: go on until Stripe has said how the payment ended. Shared by checkout and settlement.
import { condition } from '@temporalio/workflow';

import type { EndPaymentOutcome } from '../activities/end-payment';
import { renewLease, stripe, unlessNotTaken } from './steps';

export type Ended = Extract<
  EndPaymentOutcome,
  { outcome: 'unbound' | 'canceled' | 'succeeded' | 'authorised' }
>;

export interface EndPaymentPlan {
  checkoutId: string;
  amountMinor: number;
  currency: string;
  reclaimGraceSeconds: number;
  pauseMaxSeconds: number;
  /** Nothing is held any more: the end is still needed, a lease is not. */
  isReleased: boolean;
  /** Whether an authorised or processing payment is cancelled as well; asked anew for each attempt. */
  isVoid: () => boolean;
  /** Wakes the loop before its pause is over. */
  hasNews: () => boolean;
  /** Called with each round: what came meanwhile is judged by the re-read. */
  onRound: () => void | Promise<void>;
  /** The longest hold without proof is over: give the units back; asking goes on. */
  onHoldMaxReached: () => Promise<void>;
}

const PAUSE_FIRST_SECONDS = 5;
/** After the units went back without proof nobody waits any more; the money still must be found. */
const PAUSE_RELEASED_MAX_SECONDS = 3_600;

/** Ends the payment, or learns that it has ended. Each round renews the lease; nothing but proof leaves the loop. */
export async function endPayment(plan: EndPaymentPlan): Promise<Ended> {
  let n = 0;
  let { isReleased } = plan;
  let pauseSeconds = PAUSE_FIRST_SECONDS;
  for (;;) {
    await plan.onRound();
    if (!isReleased) await renewLease({ checkoutId: plan.checkoutId });
    const outcome = await attempt(plan, n, isReleased);
    switch (outcome.outcome) {
      case 'unbound':
      case 'canceled':
      case 'succeeded':
      case 'authorised':
        return outcome;
      case 'not_taken':
        continue;
      case 'hold_max_reached':
        await plan.onHoldMaxReached();
        isReleased = true;
        continue;
      case 'again':
        n += 1;
        break;
      case 'kept':
        break;
    }
    await condition(plan.hasNews, pauseSeconds * 1000);
    pauseSeconds = Math.min(pauseSeconds * 2, isReleased ? PAUSE_RELEASED_MAX_SECONDS : plan.pauseMaxSeconds);
  }
}

function attempt(plan: EndPaymentPlan, n: number, isReleased: boolean) {
  const { checkoutId, amountMinor, currency, reclaimGraceSeconds } = plan;
  const scheduleToStartMs = Math.floor((reclaimGraceSeconds * 1000) / 3);
  return unlessNotTaken(() =>
    stripe('end the payment, or learn how it ended', scheduleToStartMs).endPayment({
      checkoutId,
      n,
      amountMinor,
      currency,
      isReleased,
      isVoid: plan.isVoid(),
    }),
  );
}
