// Asking Stripe how a bound payment stands, without touching it.
import type { ActivityDeps } from './deps';
import { isAuthorisedInFull, isPaidInFull, read, type Due } from './payment-state';

export interface ReadPaymentInput extends Due {
  paymentIntentId: string;
}

export interface PaymentReading {
  status: string;
  isPaidInFull: boolean;
  /** The whole sum waits to be captured. */
  isAuthorisedInFull: boolean;
}

export function readPaymentActivities(deps: ActivityDeps) {
  return {
    async readPayment(input: ReadPaymentInput): Promise<PaymentReading> {
      const payment = await read(deps, input.checkoutId, input.paymentIntentId);
      return {
        status: payment.status,
        isPaidInFull: isPaidInFull(deps, input, payment),
        isAuthorisedInFull: isAuthorisedInFull(deps, input, payment),
      };
    },
  };
}
