// Reconciliation: compares checkouts with Stripe and PaymentIntents with checkouts. It heals by waking settlement, and
// changes neither stock nor money itself, except that it cancels PaymentIntents nobody was ever given the secret of.
import { heartbeat } from '@temporalio/activity';
import { setTimeout as pause } from 'node:timers/promises';

import { isOpenCheckoutStatus } from '../contracts/statuses';
import { readCheckout } from '../db/checkouts';
import { openIncident } from '../db/incidents';
import {
  listCheckoutsToReconcile,
  recordReconciliation,
  type CheckoutToReconcile,
  type ReconciliationReport,
} from '../db/reconciliation';
import { parsePaymentIntent, type PaymentIntentReply } from '../platform/stripe';
import { readStripeFailure } from '../platform/stripe-failures';
import type { ActivityDeps } from './deps';
import { CANCELLABLE } from './end-payment';
import { isPaidInFull, read } from './payment-state';
import { wakePendingRefunds } from './pending-refunds';
import { compare, type Verdict } from './reconcile-verdict';
import { cancelOrphan } from './stripe-calls';

const PAGE_MAX = 50;
/** Five a second, far below what Stripe allows and buyers need. */
const PACE_MS = 200;
/** A create is bound within seconds; a day covers every outage that may have left one. By this machine's clock: minutes do not matter. */
const ORPHANS_SECONDS = 86_400;
/** Stripe may tell late of what happened. */
const CLOSED_SECONDS = 2 * 86_400;

export interface CheckoutPage {
  checked: number;
  healed: number;
  incidents: number;
  /** Where the next page begins; null when this was the last. */
  nextAfterId: string | null;
}

export interface OrphanPage {
  canceled: number;
  nextStartingAfter: string | null;
}

export interface OrphanInput {
  startingAfter: string | null;
  /** Younger ones may still be bound by their checkout. */
  ageSeconds: number;
}

export function reconcileActivities(deps: ActivityDeps) {
  return {
    /** Compares one page of checkouts, one GET each. */
    async reconcileCheckouts({ afterId }: { afterId: string | null }): Promise<CheckoutPage> {
      if (afterId === null) await wakePendingRefunds(deps);
      const page = await listCheckoutsToReconcile(deps.pool, {
        afterId,
        limit: PAGE_MAX,
        closedSeconds: CLOSED_SECONDS,
      });
      const verdicts: Verdict[] = [];
      for (const checkout of page) {
        verdicts.push(await reconcileOne(deps, checkout));
        heartbeat();
      }
      return {
        checked: page.length,
        healed: verdicts.filter((verdict) => verdict === 'settle').length,
        incidents: verdicts.filter((verdict) => verdict === 'incident').length,
        nextAfterId: page.length < PAGE_MAX ? null : (page.at(-1)?.checkoutId ?? null),
      };
    },

    /** Cancels what was created for a checkout of ours that has closed, or is bound to another PaymentIntent. */
    async cancelOrphans({ startingAfter, ageSeconds }: OrphanInput): Promise<OrphanPage> {
      const createdTo = Math.floor(Date.now() / 1000) - ageSeconds;
      const list = await deps.stripe.paymentIntents.list({
        limit: 100,
        created: { gte: createdTo - ORPHANS_SECONDS, lte: createdTo },
        ...(startingAfter === null ? {} : { starting_after: startingAfter }),
      });
      let canceled = 0;
      for (const payment of list.data.map(parsePaymentIntent)) {
        if (await cancelIfOrphan(deps, payment)) canceled += 1;
        heartbeat();
      }
      return { canceled, nextStartingAfter: list.has_more ? (list.data.at(-1)?.id ?? null) : null };
    },

    async recordReconciliation(report: ReconciliationReport): Promise<void> {
      await recordReconciliation(deps.pool, report);
    },
  };
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

async function cancelIfOrphan(deps: ActivityDeps, payment: PaymentIntentReply): Promise<boolean> {
  const checkoutId = payment.metadata['checkout_id'];
  const isOurs = payment.metadata['holdfast_env'] === deps.holdfastEnv && checkoutId !== undefined;
  if (!isOurs || !CANCELLABLE.has(payment.status)) return false;
  const row = await readCheckout(deps.pool, checkoutId);
  if (row?.paymentIntentId === payment.id) return false;
  const isStillCreating = row !== null && row.paymentIntentId === null && isOpenCheckoutStatus(row.status);
  if (isStillCreating) return false;
  await pause(PACE_MS);
  return cancelNow(deps, checkoutId, payment.id);
}

/** False when somebody else ended it first. */
async function cancelNow(deps: ActivityDeps, checkoutId: string, paymentIntentId: string): Promise<boolean> {
  try {
    await cancelOrphan(deps, checkoutId, paymentIntentId);
    return true;
  } catch (error) {
    if (readStripeFailure(error).kind === 'unexpected_state') return false;
    throw error;
  }
}
