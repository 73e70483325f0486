// The saga's steps in PostgreSQL: each is one statement, keyed by the checkout, and answers the same when it runs twice.
import type { CheckoutInput, FailureCode, OpenedCheckout } from '../contracts/checkout';
import type { CheckoutStatus } from '../contracts/statuses';
import type { ExtendAnswer, ExtendRequest } from '../contracts/operations';
import { closeUnboundCheckout, releaseCheckout, renewLease, secureUnits } from '../db/checkouts';
import { extendCheckout } from '../db/extensions';
import type { ActivityDeps } from './deps';
import { watched } from './endless';

/** A checkout's row after it closed. */
export interface ClosedCheckout {
  status: CheckoutStatus;
  failureCode: FailureCode | null;
  orderId: string | null;
}

/** As confirm and release answer it. */
export interface EndedCheckout extends ClosedCheckout {
  /** Stored events that nobody was told of. Absent in what an earlier version answered. */
  unheardEventIds?: string[];
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

export function checkoutActivities(deps: ActivityDeps) {
  const { pool, batches, policy } = deps;
  return {
    /** Step 1. Freezes lines and prices and reserves every line or none; a row that is there already answers. */
    async openCheckout(input: CheckoutInput): Promise<OpenOutcome> {
      const opened = await batches.openCheckout({
        ...input,
        windowSeconds: policy.windowSeconds,
        reclaimGraceSeconds: policy.reclaimGraceSeconds,
        paymentAttemptsMax: policy.paymentAttemptsMax,
        isCheckOnly: deps.reservations() === 'check-only',
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
    async confirmCheckout(input: PaidInput): Promise<EndedCheckout> {
      return watched(deps, { checkoutId: input.checkoutId, step: 'confirm' }, () =>
        batches.confirmCheckout(input),
      );
    },

    /** Undo of step 1 once the payment is proven to have ended. */
    async releaseCheckout(input: ReleaseInput): Promise<EndedCheckout> {
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

    /** Moves deadline and lease together, once per key; the caller restarts its timer when it has happened. */
    async extendCheckout(input: ExtendRequest & { checkoutId: string }): Promise<ExtendAnswer> {
      return watched(deps, { checkoutId: input.checkoutId, step: 'extend' }, () =>
        extendCheckout(pool, input),
      );
    },

    /** Step 4 (a) of manual capture: false when the units are gone, so that nothing may be captured. */
    async secureUnits({ checkoutId }: { checkoutId: string }): Promise<{ isSecured: boolean }> {
      const { reclaimGraceSeconds } = policy;
      const isSecured = await watched(deps, { checkoutId, step: 'secure_units' }, () =>
        secureUnits(pool, { checkoutId, reclaimGraceSeconds }),
      );
      return { isSecured };
    },
  };
}
