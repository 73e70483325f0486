// Step 4 with manual capture: the units are held, the money is taken, and only then the checkout is confirmed.
import type { Unwinding } from '../contracts/checkout';
import { capturePayment } from './capture-payment';
import type { CheckoutRun, Turn } from './checkout-run';
import { showPhase } from './visibility';

/** Why a capture that cannot be ends the checkout. What is still authorised is let go: that is free. */
export const CAPTURE_UNWINDINGS = {
  failed: { status: 'payment_failed', failureCode: 'capture_failed', isVoid: true },
  units_gone: { status: 'canceled', failureCode: 'sold_out_before_capture', isVoid: true },
} as const satisfies Record<string, Unwinding>;

export async function captureStep(run: CheckoutRun): Promise<Turn> {
  showPhase(run, 'authorised: taking the money for units that are held');
  const { amountMinor, currency, policy } = run.open;
  const captured = await capturePayment({
    checkoutId: run.checkoutId,
    paymentIntentId: run.boundId,
    amountMinor,
    currency,
    reclaimGraceSeconds: policy.reclaimGraceSeconds,
    pauseMaxSeconds: policy.endPaymentPauseMaxSeconds,
    hasNews: () => run.hasPendingEvents() || run.isAskedAgain,
    onRound: () => run.takeNews(),
  });
  if (captured.outcome === 'captured') return { to: 'confirm' };
  return { to: 'unwind', unwinding: CAPTURE_UNWINDINGS[captured.outcome] };
}
