// Manual capture: hold the units, then take the authorised money. Shared by checkout and settlement.
import { condition } from '@temporalio/workflow';

import type { CaptureOutcome } from '../activities/capture-payment';
import { secureUnits, stripe, unlessNotTaken } from './steps';

export type Captured =
  | Extract<CaptureOutcome, { outcome: 'captured' | 'failed' }>
  /** The units are gone, or may not be held any longer: what is authorised must be let go. */
  | { outcome: 'units_gone' };

export interface CapturePlan {
  checkoutId: string;
  paymentIntentId: string;
  amountMinor: number;
  currency: string;
  reclaimGraceSeconds: number;
  pauseMaxSeconds: number;
  /** Wakes the loop before its pause is over. */
  hasNews: () => boolean;
  /** Called with each round: what came meanwhile is judged by what the capture finds. */
  onRound: () => void | Promise<void>;
}

const PAUSE_FIRST_SECONDS = 5;

/** Goes on until the money is in, or is known never to come. No capture is sent without units held for it. */
export async function capturePayment(plan: CapturePlan): Promise<Captured> {
  let n = 0;
  let pauseSeconds = PAUSE_FIRST_SECONDS;
  for (;;) {
    await plan.onRound();
    const { isSecured } = await secureUnits({ checkoutId: plan.checkoutId });
    if (!isSecured) return { outcome: 'units_gone' };
    const outcome = await attempt(plan, n);
    switch (outcome.outcome) {
      case 'captured':
      case 'failed':
        return outcome;
      case 'hold_max_reached':
        return { outcome: 'units_gone' };
      case 'not_taken':
        continue;
      case 'again':
        n += 1;
        break;
      case 'kept':
        break;
    }
    await condition(plan.hasNews, pauseSeconds * 1000);
    pauseSeconds = Math.min(pauseSeconds * 2, plan.pauseMaxSeconds);
  }
}

function attempt(plan: CapturePlan, n: number) {
  const { checkoutId, paymentIntentId, amountMinor, currency, reclaimGraceSeconds } = plan;
  const scheduleToStartMs = Math.floor((reclaimGraceSeconds * 1000) / 3);
  return unlessNotTaken(() =>
    stripe('take the authorised money', scheduleToStartMs).capturePayment({
      checkoutId,
      paymentIntentId,
      amountMinor,
      currency,
      n,
    }),
  );
}
