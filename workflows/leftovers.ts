// The last act of a run: no stored event stays without outcome because its checkout has closed.
import type { CheckoutResult } from '../contracts/checkout';
import type { PaymentEvent } from '../contracts/payment-events';
import type { CheckoutRun } from './checkout-run';
import { closeEvents, startSettlement } from './steps';

/** Writes `no_effect` for what moved nothing, and hands money that came too late, or must go back, to settlement. */
export async function judgeLeftovers(run: CheckoutRun, result: CheckoutResult): Promise<void> {
  const { checkoutId } = run;
  let needsSettlement = result.status === 'refund_pending';
  do {
    const [late, idle] = partition(run, result);
    if (idle.length > 0) await closeEvents({ checkoutId, eventIds: idle });
    if (late || needsSettlement) await startSettlement({ checkoutId });
    needsSettlement = false;
  } while (run.hasPendingEvents());
}

function partition(run: CheckoutRun, result: CheckoutResult): [late: boolean, idle: string[]] {
  const idle = run.takeJudgedIds();
  let late = false;
  for (let event = run.nextEvent(); event !== undefined; event = run.nextEvent()) {
    if (isLateMoney(event, result)) late = true;
    else idle.push(event.eventId);
  }
  return [late, idle];
}

function isLateMoney(event: PaymentEvent, { status }: CheckoutResult): boolean {
  const isMoney =
    event.type === 'payment_intent.succeeded' || event.type === 'payment_intent.amount_capturable_updated';
  return isMoney && (status === 'expired' || status === 'canceled' || status === 'payment_failed');
}
