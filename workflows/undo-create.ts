// Undo of step 2: end the payment and prove it. A payment that won the race turns the saga to step 4.
import type { Unwinding } from '../contracts/checkout';
import type { CheckoutRun, Turn } from './checkout-run';
import { endPayment } from './end-payment';
import { releaseUnproven } from './release-unproven';
import type { Undo } from './undo-stack';
import { showUnresolved } from './visibility';

export function undoCreate(run: CheckoutRun): Undo<Unwinding, Turn> {
  return async () => {
    if (run.paymentIntentId === null) return 'undone';
    const { amountMinor, currency, policy } = run.open;
    const ended = await endPayment({
      checkoutId: run.checkoutId,
      amountMinor,
      currency,
      reclaimGraceSeconds: policy.reclaimGraceSeconds,
      pauseMaxSeconds: policy.endPaymentPauseMaxSeconds,
      hasNews: () => run.hasPendingEvents() || run.isAskedAgain,
      onRound: () => {
        run.takeEvents();
        run.isAskedAgain = false;
      },
      onHoldMaxReached: async () => {
        await releaseUnproven(run.checkoutId, run.takeJudgedIds());
        showUnresolved(run);
      },
      isReleased: false,
    });
    return ended.outcome === 'succeeded' ? { to: 'confirm' } : 'undone';
  };
}
