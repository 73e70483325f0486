// Everything the activities touch outside themselves. Built in worker/, or by a test.
import type { Pool } from 'pg';
import type Stripe from 'stripe';

import type { CheckoutPolicy } from '../contracts/checkout';
import type { CancelByOperatorAnswer, ExtendAnswer, ExtendRequest } from '../contracts/operations';
import type { CheckoutBatches } from '../db/checkout-batches';
import type { PaymentEvent } from '../contracts/payment-events';
import type { ListedAct, ListedBy } from './listed-events';
import type { RunState, TripleFinding } from './triple-verdict';

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
  /** PaymentIntents created per second at most, over all workers. */
  createsPerSecond: number;
  runs: CheckoutRuns;
  /** Told of what the watch over lost events and checkouts does; the worker counts it. */
  observer?: WatchObserver;
}

export interface WatchObserver {
  onListedEvent?: (source: ListedBy, act: ListedAct) => void;
  /** A turn begins; the answer is called at its end. */
  onPoll?: () => (result: 'ok' | 'failed') => void;
  onSwept?: (result: 'handed_on' | 'not_handed_on' | 'quarantined') => void;
  onReconciled?: (result: 'consistent' | 'healed' | 'incident') => void;
  onOrphanCanceled?: () => void;
  onTripleFinding?: (kind: TripleFinding) => void;
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
  /** How a checkout's run stands, with the result of one that has completed. */
  readCheckoutRun(checkoutId: string): Promise<RunState>;
  /** Hands a Stripe event to a running checkout. False when no run takes the signal any more. */
  signalCheckout(checkoutId: string, event: PaymentEvent): Promise<boolean>;
  /** Has a running checkout read its payment again. False when no run takes the signal any more. */
  askCheckout(checkoutId: string): Promise<boolean>;
  /** Has a running checkout end its payment; once per operation. Null when there is no run to take it. */
  cancelByOperator(checkoutId: string, operationId: string): Promise<CancelByOperatorAnswer | null>;
  /** Has a running checkout give its buyer more time; once per key. Null when there is no run to take it. */
  extendCheckout(checkoutId: string, request: ExtendRequest): Promise<ExtendAnswer | null>;
}
