// Reconciliation, first part: compares checkouts with Stripe. It heals by waking settlement, and changes neither stock nor
// money itself.
import { log } from '@temporalio/activity';
import { setTimeout as pause } from 'node:timers/promises';

import { openIncident } from '../db/incidents';
import {
  listCheckoutsToReconcile,
  recordReconciliation,
  type CheckoutToReconcile,
  type ReconciliationReport,
} from '../db/reconciliation';
import type { ActivityDeps } from './deps';
import { watched } from './endless';
import { isPaidInFull, read } from './payment-state';
import { PACE_MS, PatientReader } from './patient-reader';
import { wakePendingRefunds } from './pending-refunds';
import { compare, type Verdict } from './reconcile-verdict';
import { resumeFrom, tellProgress } from './resume';

const PAGE_MAX = 200;
/** Stripe may tell late of what happened. */
const CLOSED_SECONDS = 2 * 86_400;

export interface CheckoutPage {
  checked: number;
  healed: number;
  incidents: number;
  /** Where the next page begins; null when this was the last. */
  nextAfterId: string | null;
}

/** How far a page has come. */
type PageProgress = Omit<CheckoutPage, 'nextAfterId'> & { afterId: string | null; left: number };

export function reconcileActivities(deps: ActivityDeps) {
  return {
    /**
     * Compares one page of checkouts, one GET each. A payment that alone cannot be read holds up nobody: it is left to the
     * next run. Another attempt goes on where the last one was.
     */
    async reconcileCheckouts({ afterId }: { afterId: string | null }): Promise<CheckoutPage> {
      return watched(deps, { checkoutId: null, step: 'reconcile_checkouts' }, async () => {
        if (afterId === null) await wakePendingRefunds(deps);
        return comparePage(deps, afterId);
      });
    },

    async recordReconciliation(report: ReconciliationReport): Promise<void> {
      await watched(deps, { checkoutId: null, step: 'record_reconciliation' }, () =>
        recordReconciliation(deps.pool, report),
      );
    },
  };
}

async function comparePage(deps: ActivityDeps, afterId: string | null): Promise<CheckoutPage> {
  const begin: PageProgress = { afterId, left: PAGE_MAX, checked: 0, healed: 0, incidents: 0 };
  const progress = { ...resumeFrom(begin) };
  const page = await listCheckoutsToReconcile(deps.pool, {
    afterId: progress.afterId,
    limit: progress.left,
    closedSeconds: CLOSED_SECONDS,
  });
  const { left } = progress;
  const reader = new PatientReader();
  let safe = { ...progress };
  for (const [index, checkout] of page.entries()) {
    const look = () => reconcileOne(deps, checkout);
    const verdict = checkout.paymentIntentId === null ? await look() : await reader.tryOne(look);
    if (verdict === 'unreadable') log.warn('checkout not compared', { checkout_id: checkout.checkoutId });
    else count(deps, progress, verdict);
    // Where Stripe turns out to be away, another attempt begins with the first that could not be read.
    if (reader.isWell) safe = { ...progress, afterId: checkout.checkoutId, left: left - index - 1 };
    tellProgress(safe);
  }
  const { checked, healed, incidents } = progress;
  return {
    checked,
    healed,
    incidents,
    nextAfterId: page.length < left ? null : (page.at(-1)?.checkoutId ?? null),
  };
}

function count(deps: ActivityDeps, progress: PageProgress, verdict: Verdict): void {
  progress.checked += 1;
  if (verdict === 'settle') progress.healed += 1;
  if (verdict === 'incident') progress.incidents += 1;
  deps.observer?.onReconciled?.(
    verdict === 'settle' ? 'healed' : verdict === 'incident' ? 'incident' : 'consistent',
  );
}

async function reconcileOne(deps: ActivityDeps, checkout: CheckoutToReconcile): Promise<Verdict> {
  const { checkoutId, status } = checkout;
  const verdict = compare(status, await readBound(deps, checkout));
  if (verdict === 'consistent') return verdict;
  if (verdict === 'incident') {
    await openIncident(deps.pool, { checkoutId, kind: 'order_without_money', detail: {} });
    return verdict;
  }
  if (verdict === 'needs_run' && (await deps.runs.isCheckoutRunning(checkoutId))) return 'consistent';
  await deps.runs.startSettlement(checkoutId);
  return 'settle';
}

async function readBound(deps: ActivityDeps, checkout: CheckoutToReconcile) {
  if (checkout.paymentIntentId === null) return null;
  await pause(PACE_MS);
  const payment = await read(deps, checkout.checkoutId, checkout.paymentIntentId);
  return { status: payment.status, isPaidInFull: isPaidInFull(deps, checkout, payment) };
}
