// Undo of step 2: end the payment and prove it. A payment that won the race turns the saga to step 4.
import type { Unwinding } from '../contracts/checkout';
import type { CheckoutRun, Turn } from './checkout-run';
import { endPayment } from './end-payment';
import { releaseUnproven } from './release-unproven';
import type { Undo } from './undo-stack';
import { showUnresolved } from './visibility';

export function undoCreate(run: CheckoutRun): Undo<Unwinding, Turn> {
  return async (unwinding) => {
    if (run.paymentIntentId === null) return 'undone';
    const { amountMinor, currency, policy } = run.open;
    const ended = await endPayment({
      checkoutId: run.checkoutId,
      amountMinor,
      currency,
      reclaimGraceSeconds: policy.reclaimGraceSeconds,
      pauseMaxSeconds: policy.endPaymentPauseMaxSeconds,
      hasNews: () => run.hasPendingEvents() || run.isAskedAgain,
      onRound: () => run.takeNews(),
      onHoldMaxReached: async () => {
        await releaseUnproven(run.checkoutId, run.takeJudgedIds());
        showUnresolved(run);
      },
      isReleased: false,
      isVoid: unwinding.isVoid ?? false,
    });
    switch (ended.outcome) {
      case 'succeeded':
        return { to: 'confirm' };
      case 'authorised':
        return { to: 'capture' };
      case 'canceled':
      case 'unbound':
        return 'undone';
    }
  };
}
