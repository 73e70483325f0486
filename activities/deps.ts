// Everything the activities touch outside themselves. Built in worker/, or by a test.
import type { Pool } from 'pg';
import type Stripe from 'stripe';

import type { CheckoutPolicy } from '../contracts/checkout';
import type { CheckoutBatches } from '../db/checkout-batches';
import type { PaymentEvent } from '../contracts/payment-events';

export interface ActivityDeps {
  pool: Pool;
  /** The hot steps 1 and 4; whoever builds them drains them before the pool ends. */
  batches: Pick<CheckoutBatches, 'openCheckout' | 'confirmCheckout'>;
  stripe: Stripe;
  /** The installation's random id: in every PaymentIntent's metadata and every Stripe key. */
  holdfastEnv: string;
  policy: CheckoutPolicy;
  holdMaxSeconds: number;
  /** Asked at each open, and kept in the checkout. */
  reservations: () => Reservations;
  /** Asked at each call, never kept: an operator may turn it at any moment. */
  settlement: () => Settlement;
  paymentMethodTypes: string[];
  runs: CheckoutRuns;
}

/** `check-only`: units are only checked at the opening, and taken once the money is there. */
export type Reservations = 'on' | 'check-only';

/** `paused`: nothing is confirmed, ended, captured, released or refunded; what is held stays held. */
export type Settlement = 'on' | 'paused';

/** What settlement and saga need of Temporal itself. */
export interface CheckoutRuns {
  /** Starts `settle-<checkoutId>`, or signals the one that runs. */
  startSettlement(checkoutId: string): Promise<void>;
  isCheckoutRunning(checkoutId: string): Promise<boolean>;
  /** Hands a Stripe event to a running checkout. False when no run takes the signal any more. */
  signalCheckout(checkoutId: string, event: PaymentEvent): Promise<boolean>;
  /** Has a running checkout read its payment again. False when no run takes the signal any more. */
  askCheckout(checkoutId: string): Promise<boolean>;
}
