// Step 4: the money is in, so the units become sold; or, where they are gone for good, settlement gives it back.
import type { CheckoutRun, Turn } from './checkout-run';
import { confirmCheckout } from './steps';
import { showPhase } from './visibility';

export async function confirmStep(run: CheckoutRun): Promise<Turn> {
  showPhase(run, 'paid: confirming the units');
  const result = await confirmCheckout({
    checkoutId: run.checkoutId,
    paymentIntentId: run.boundId,
    eventIds: run.takeJudgedIds(),
  });
  return { to: 'closed', result };
}
