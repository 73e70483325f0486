// All side effects of the sagas, over dependencies that are given.
import { capturePaymentActivities } from './capture-payment';
import { checkoutActivities } from './checkout';
import { createPaymentActivities } from './create-payment';
import type { ActivityDeps } from './deps';
import { endPaymentActivities } from './end-payment';
import { inboxSweepActivities } from './inbox-sweep';
import { maintenanceActivities } from './maintenance';
import { moneyActivities } from './money';
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
  return {
    ...checkoutActivities(deps),
    ...paymentNewsActivities(deps),
    ...settlementActivities(deps),
    ...inboxSweepActivities(deps),
    recordReconciliation,
    ...tripleReportActivities(deps),
    ...maintenanceActivities(deps),
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
    ...endPaymentActivities(deps),
    ...readPaymentActivities(deps),
    ...capturePaymentActivities(deps),
    ...moneyActivities(deps),
    ...refundActivities(deps),
    reconcileCheckouts,
    ...reconcileListedActivities(deps),
    ...tripleCheckActivities(deps),
  };
}

export type MainActivities = ReturnType<typeof createMainActivities>;
export type StripeCreateActivities = ReturnType<typeof createStripeCreateActivities>;
export type StripeActivities = ReturnType<typeof createStripeActivities>;
export type { ActivityDeps, CheckoutRuns, WatchObserver } from './deps';
