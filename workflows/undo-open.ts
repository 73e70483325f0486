// Undo of step 1: close the row and give the units back. Runs last, so the payment has been ended before.
import type { Unwinding } from '../contracts/checkout';
import type { CheckoutRun, Turn } from './checkout-run';
import { OPERATOR_CANCEL } from './operator-cancel';
import { closeUnboundCheckout, releaseCheckout } from './steps';
import type { Undo } from './undo-stack';

export function undoOpen(run: CheckoutRun): Undo<Unwinding, Turn> {
  return (unwinding) =>
    run.paymentIntentId === null ? closeUnbound(run, unwinding) : release(run, unwinding);
}

/** Without a payment there is nothing to prove, unless a create bound its id after all: then the saga goes on with it. */
async function closeUnbound(run: CheckoutRun, unwinding: Unwinding): Promise<Turn> {
  const { checkoutId, requestFingerprint } = run.input;
  const failureCode = unwinding.failureCode ?? 'checkout_not_opened';
  const closed = await closeUnboundCheckout({ checkoutId, requestFingerprint, failureCode });
  return closed.outcome === 'bound' ? { to: 'open' } : { to: 'closed', result: closed.closed };
}

async function release(run: CheckoutRun, unwinding: Unwinding): Promise<Turn> {
  const { status, failureCode } = run.isCanceledByOperator ? OPERATOR_CANCEL : unwinding;
  if (status === 'refused') throw new Error('A checkout with a bound payment is never refused.');
  const result = await releaseCheckout({
    checkoutId: run.checkoutId,
    status,
    failureCode,
    eventIds: run.takeJudgedIds(),
  });
  return { to: 'closed', result };
}
