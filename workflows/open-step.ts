// Step 1: write the checkout and reserve every line, or learn how the row that is there stands.
import { ActivityFailure } from '@temporalio/workflow';

import type { CheckoutRun, Turn } from './checkout-run';
import { openCheckout } from './steps';

export async function openStep(run: CheckoutRun): Promise<Turn> {
  try {
    const opened = await openCheckout(run.input);
    if (opened.outcome === 'closed') return { to: 'closed', result: opened.closed };
    run.opened = opened.checkout;
    run.deadlineMs = Date.now() + opened.checkout.policy.windowSeconds * 1000;
    run.paymentIntentId = opened.checkout.paymentIntentId;
    return run.paymentIntentId === null ? { to: 'create' } : { to: 'wait' };
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    return { to: 'unwind', unwinding: { status: 'refused', failureCode: 'checkout_not_opened' } };
  }
}
