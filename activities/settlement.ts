// What settlement needs to know before it decides, and of Temporal.
import type { RefundDecision, RefundRequest } from '../contracts/refunds';
import { isOpenCheckoutStatus } from '../contracts/statuses';
import type { CheckoutStatus } from '../contracts/statuses';
import { readCheckout } from '../db/checkouts';
import { listUnjudgedEventIds } from '../db/inbox';
import { requestRefund } from '../db/refunds';
import type { ActivityDeps } from './deps';
import { watched } from './endless';

/** A checkout as settlement finds it. */
export interface SettlementCase {
  requestFingerprint: string;
  status: CheckoutStatus;
  isOpen: boolean;
  isDeadlinePassed: boolean;
  paymentIntentId: string | null;
  amountMinor: number;
  currency: string;
  reclaimGraceSeconds: number;
  endPaymentPauseMaxSeconds: number;
  /** But for those that tell of refunds and disputes: they are judged where the money is recorded. */
  unjudgedEventIds: string[];
  hasMoneyNews: boolean;
}

export function settlementActivities(deps: ActivityDeps) {
  return {
    /** Null where there is no row: then there is neither stock nor money. */
    async readSettlementCase({ checkoutId }: { checkoutId: string }): Promise<SettlementCase | null> {
      return watched(deps, { checkoutId, step: 'read_settlement_case' }, () => readCase(deps, checkoutId));
    },

    /** An operator's refund: the decision is a row, written before Stripe is asked. */
    async requestRefund({
      requestKey,
      ...request
    }: RefundRequest & { requestKey: string }): Promise<RefundDecision> {
      return requestRefund(deps.pool, requestKey, request);
    },

    async isCheckoutRunning({ checkoutId }: { checkoutId: string }): Promise<boolean> {
      return watched(deps, { checkoutId, step: 'is_checkout_running' }, () =>
        deps.runs.isCheckoutRunning(checkoutId),
      );
    },

    async askCheckout({ checkoutId }: { checkoutId: string }): Promise<boolean> {
      return watched(deps, { checkoutId, step: 'ask_checkout' }, () => deps.runs.askCheckout(checkoutId));
    },
  };
}

async function readCase(deps: ActivityDeps, checkoutId: string): Promise<SettlementCase | null> {
  const row = await readCheckout(deps.pool, checkoutId);
  if (row === null) return null;
  return {
    requestFingerprint: row.requestFingerprint,
    status: row.status,
    isOpen: isOpenCheckoutStatus(row.status),
    isDeadlinePassed: row.secondsLeft === 0,
    paymentIntentId: row.paymentIntentId,
    amountMinor: row.amountMinor ?? 0,
    currency: row.currency ?? '',
    reclaimGraceSeconds: deps.policy.reclaimGraceSeconds,
    endPaymentPauseMaxSeconds: deps.policy.endPaymentPauseMaxSeconds,
    unjudgedEventIds: await listUnjudgedEventIds(deps.pool, checkoutId, 'payment'),
    hasMoneyNews: (await listUnjudgedEventIds(deps.pool, checkoutId, 'money')).length > 0,
  };
}
