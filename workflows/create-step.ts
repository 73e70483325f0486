// Step 2: the PaymentIntent, created once and bound once, within 20 s.
import { ActivityFailure, sleep } from '@temporalio/workflow';

import type { CreateOutcome } from '../activities/create-payment';
import type { FailureCode } from '../contracts/checkout';
import type { CheckoutRun, Turn } from './checkout-run';
import { stripeCreate } from './steps';
import { undoCreate } from './undo-create';

const CREATE_TOTAL_MS = 20_000;
const PAUSE_MS = 1_000;

export async function createStep(run: CheckoutRun): Promise<Turn> {
  run.undo.add(undoCreate(run));
  const giveUpAtMs = Date.now() + CREATE_TOTAL_MS;
  for (let n = 0; Date.now() < giveUpAtMs; n += 1) {
    const outcome = await attempt(run, n, giveUpAtMs - Date.now());
    switch (outcome.outcome) {
      case 'bound':
        run.paymentIntentId = outcome.paymentIntentId;
        return { to: 'wait' };
      case 'closed':
        return { to: 'open' };
      case 'rejected':
        return refuse(isAmountCode(outcome.code) ? outcome.code : 'payment_provider_unavailable');
      case 'too_late':
        return refuse('checkout_not_opened');
      case 'gave_up':
        return refuse('payment_provider_unavailable');
      case 'again':
        await sleep(PAUSE_MS);
    }
  }
  return refuse('payment_provider_unavailable');
}

async function attempt(
  run: CheckoutRun,
  n: number,
  remainingMs: number,
): Promise<CreateOutcome | { outcome: 'gave_up' }> {
  const { amountMinor, currency, reservationIds, openedAtUnixSeconds, policy } = run.open;
  try {
    return await stripeCreate(remainingMs).createPayment({
      checkoutId: run.checkoutId,
      n,
      amountMinor,
      currency,
      reservationIds,
      openedAtUnixSeconds,
      captureMethod: policy.captureMethod,
    });
  } catch (error) {
    if (error instanceof ActivityFailure) return { outcome: 'gave_up' };
    throw error;
  }
}

function isAmountCode(code: string): code is 'amount_too_small' | 'amount_too_large' {
  return code === 'amount_too_small' || code === 'amount_too_large';
}

function refuse(failureCode: FailureCode): Turn {
  return { to: 'unwind', unwinding: { status: 'refused', failureCode } };
}
