// All side effects of the sagas, over dependencies that are given.
import { capturePaymentActivities } from './capture-payment';
import { checkoutActivities } from './checkout';
import { checkoutOperationActivities } from './checkout-operations';
import { createPaymentActivities } from './create-payment';
import type { ActivityDeps } from './deps';
import { endPaymentActivities } from './end-payment';
import { inboxSweepActivities } from './inbox-sweep';
import { maintenanceActivities } from './maintenance';
import { moneyActivities } from './money';
import { operationActivities } from './operations';
import { pausable } from './pause';
import { paymentNewsActivities } from './payment-news';
import { readPaymentActivities } from './read-payment';
import { reconcileActivities } from './reconcile';
import { reconcileListedActivities } from './reconcile-listed';
import { refundActivities } from './refund-payment';
import { settlementActivities } from './settlement';
import { tripleCheckActivities, tripleReportActivities } from './triple-check';

/** PostgreSQL and Temporal: the main task queue, local and regular. */
export function createMainActivities(deps: ActivityDeps) {
  const { recordReconciliation } = reconcileActivities(deps);
  const { confirmCheckout, releaseCheckout, ...opening } = checkoutActivities(deps);
  return {
    ...opening,
    ...pausable(deps, { confirmCheckout, releaseCheckout }),
    ...paymentNewsActivities(deps),
    ...settlementActivities(deps),
    ...inboxSweepActivities(deps),
    recordReconciliation,
    ...tripleReportActivities(deps),
    ...maintenanceActivities(deps),
    ...operationActivities(deps),
    ...checkoutOperationActivities(deps),
  };
}

/** PaymentIntent creation: a task queue of its own, rate limited by the server for all workers together. */
export function createStripeCreateActivities(deps: ActivityDeps) {
  return createPaymentActivities(deps);
}

/** Every other call to Stripe. */
export function createStripeActivities(deps: ActivityDeps) {
  const { reconcileCheckouts } = reconcileActivities(deps);
  return {
    ...pausable(deps, {
      ...endPaymentActivities(deps),
      ...capturePaymentActivities(deps),
      ...refundActivities(deps),
    }),
    ...readPaymentActivities(deps),
    ...moneyActivities(deps),
    reconcileCheckouts,
    ...reconcileListedActivities(deps),
    ...tripleCheckActivities(deps),
  };
}

export type MainActivities = ReturnType<typeof createMainActivities>;
export type StripeCreateActivities = ReturnType<typeof createStripeCreateActivities>;
export type StripeActivities = ReturnType<typeof createStripeActivities>;
export type { ActivityDeps, CheckoutRuns, WatchObserver } from './deps';
