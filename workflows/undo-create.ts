// Undo of step 2: end the payment and prove it. A payment that won the race turns the saga to step 4.
import type { Unwinding } from '../contracts/checkout';
import type { CheckoutRun, Turn } from './checkout-run';
import { endPayment } from './end-payment';
import { OPERATOR_CANCEL } from './operator-cancel';
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
      isVoid: () => run.isCanceledByOperator || (unwinding.isVoid ?? false),
    });
    switch (ended.outcome) {
      case 'succeeded':
        return { to: 'confirm' };
      case 'authorised':
        // Authorised in the moment before the operator's cancel came.
        return run.isCanceledByOperator ? { to: 'unwind', unwinding: OPERATOR_CANCEL } : { to: 'capture' };
      case 'canceled':
      case 'unbound':
        return 'undone';
    }
  };
}
