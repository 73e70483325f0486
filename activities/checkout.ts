// The saga's steps in PostgreSQL: each is one statement, keyed by the checkout, and answers the same when it runs twice.
import type { CheckoutInput, FailureCode, OpenedCheckout } from '../contracts/checkout';
import type { PaymentAttempt } from '../contracts/payment-events';
import type { CheckoutStatus } from '../contracts/statuses';
import {
  closeEvents,
  closeUnboundCheckout,
  recordDecline,
  recordProcessing,
  releaseCheckout,
  renewLease,
} from '../db/checkouts';
import { openIncident } from '../db/incidents';
import type { ActivityDeps } from './deps';
import { watched } from './endless';

/** A checkout's row after it closed. */
export interface ClosedCheckout {
  status: CheckoutStatus;
  failureCode: FailureCode | null;
  orderId: string | null;
}

export type OpenOutcome =
  { outcome: 'opened'; checkout: OpenedCheckout } | { outcome: 'closed'; closed: ClosedCheckout };

export type CloseUnboundOutcome =
  { outcome: 'closed'; closed: ClosedCheckout } | { outcome: 'bound'; paymentIntentId: string };

/** A paid checkout: which payment, and which events said so. */
export interface PaidInput {
  checkoutId: string;
  paymentIntentId: string;
  eventIds: string[];
}

export interface ReleaseInput {
  checkoutId: string;
  status: 'expired' | 'canceled' | 'payment_failed';
  failureCode: FailureCode | null;
  eventIds: string[];
}

export interface IncidentInput {
  checkoutId: string;
  kind: string;
  detail: Record<string, unknown>;
}

export function checkoutActivities(deps: ActivityDeps) {
  return { ...stepActivities(deps), ...newsActivities(deps) };
}

/** What moves stock. */
function stepActivities(deps: ActivityDeps) {
  const { pool, batches, policy } = deps;
  return {
    /** Step 1. Freezes lines and prices and reserves every line or none; a row that is there already answers. */
    async openCheckout(input: CheckoutInput): Promise<OpenOutcome> {
      const opened = await batches.openCheckout({
        ...input,
        windowSeconds: policy.windowSeconds,
        reclaimGraceSeconds: policy.reclaimGraceSeconds,
        paymentAttemptsMax: policy.paymentAttemptsMax,
      });
      if (opened.outcome === 'closed') {
        const { status, failureCode, orderId } = opened;
        return { outcome: 'closed', closed: { status, failureCode, orderId } };
      }
      const { amountMinor, currency, reservationIds, openedAtUnixSeconds, paymentIntentId } = opened;
      return {
        outcome: 'opened',
        checkout: { amountMinor, currency, reservationIds, openedAtUnixSeconds, paymentIntentId, policy },
      };
    },

    /** Undo of step 1 where no payment is bound. A checkout that never opened becomes a tombstone. */
    async closeUnboundCheckout(input: {
      checkoutId: string;
      requestFingerprint: string;
      failureCode: FailureCode;
    }): Promise<CloseUnboundOutcome> {
      return watched(deps, { checkoutId: input.checkoutId, step: 'close_unbound' }, async () => {
        const closed = await closeUnboundCheckout(pool, input);
        if (closed.outcome === 'bound') return closed;
        const { status, failureCode } = closed;
        return { outcome: 'closed', closed: { status, failureCode, orderId: null } };
      });
    },

    /** Step 4: reservations to confirmed, order, row and events in one transaction; or `refund_pending`. */
    async confirmCheckout(input: PaidInput): Promise<ClosedCheckout> {
      return watched(deps, { checkoutId: input.checkoutId, step: 'confirm' }, () =>
        batches.confirmCheckout(input),
      );
    },

    /** Undo of step 1 once the payment is proven to have ended. */
    async releaseCheckout(input: ReleaseInput): Promise<ClosedCheckout> {
      return watched(deps, { checkoutId: input.checkoutId, step: 'release' }, () =>
        releaseCheckout(pool, input),
      );
    },

    /** Keeps the database from taking the units back while the saga is at work. */
    async renewLease({ checkoutId }: { checkoutId: string }): Promise<void> {
      const { reclaimGraceSeconds } = policy;
      await watched(deps, { checkoutId, step: 'renew_lease' }, () =>
        renewLease(pool, { checkoutId, reclaimGraceSeconds, holdMaxSeconds: deps.holdMaxSeconds }),
      );
    },
  };
}

/** What is written down, and whom it concerns next. */
function newsActivities(deps: ActivityDeps) {
  const { pool } = deps;
  return {
    /** Counts one attempt, however many events tell of it. */
    async recordDecline(input: {
      checkoutId: string;
      eventId: string;
      attempt: PaymentAttempt;
    }): Promise<{ attempts: number }> {
      return watched(deps, { checkoutId: input.checkoutId, step: 'record_decline' }, () =>
        recordDecline(pool, input),
      );
    },

    async recordProcessing(input: { checkoutId: string; eventId: string }): Promise<void> {
      await watched(deps, { checkoutId: input.checkoutId, step: 'record_processing' }, () =>
        recordProcessing(pool, input),
      );
    },

    /** Writes `no_effect` for events that moved nothing. */
    async closeEvents(input: { checkoutId: string; eventIds: string[] }): Promise<void> {
      await watched(deps, { checkoutId: input.checkoutId, step: 'close_events' }, () =>
        closeEvents(pool, input),
      );
    },

    async openIncident(input: IncidentInput): Promise<void> {
      await openIncident(pool, input);
    },

    /** Hands what a closed checkout cannot judge any more to settlement. */
    async startSettlement({ checkoutId }: { checkoutId: string }): Promise<void> {
      await watched(deps, { checkoutId, step: 'start_settlement' }, () =>
        deps.runs.startSettlement(checkoutId),
      );
    },
  };
}
