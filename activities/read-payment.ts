// Asking Stripe how a bound payment stands, without touching it.
import type { ActivityDeps } from './deps';
import { isPaidInFull, read } from './end-payment';

export interface ReadPaymentInput {
  checkoutId: string;
  paymentIntentId: string;
  amountMinor: number;
  currency: string;
}

export interface PaymentReading {
  status: string;
  isPaidInFull: boolean;
}

export function readPaymentActivities(deps: ActivityDeps) {
  return {
    async readPayment(input: ReadPaymentInput): Promise<PaymentReading> {
      const payment = await read(deps, input.checkoutId, input.paymentIntentId);
      return { status: payment.status, isPaidInFull: isPaidInFull(deps, input, payment) };
    },
  };
}
