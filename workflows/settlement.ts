// Settlement: what becomes of money that reached no running checkout, of a checkout whose run is gone, of every refund.
import { CancellationScope, continueAsNew, setHandler, sleep, workflowInfo } from '@temporalio/workflow';

import type { SettlementCase } from '../activities/settlement';
import { settleSignal, type SettlementInput } from '../contracts/messages';
import { endPayment } from './end-payment';
import { releaseUnproven } from './release-unproven';
import {
  askCheckout,
  closeEvents,
  closeUnboundCheckout,
  confirmCheckout,
  isCheckoutRunning,
  readSettlementCase,
  releaseCheckout,
  stripe,
} from './steps';
import { waitForHandlers } from './checkout-run';

const REFUND_PAUSE_FIRST_MS = 5_000;
const REFUND_PAUSE_MAX_MS = 300_000;

/**
 * Settles one checkout. Everything is read anew, because memory is PostgreSQL and truth is Stripe; the signal that
 * started or woke it carries nothing. Registered as workflow type `settlement`, id `settle-<checkoutId>`.
 */
export async function settlement(input: SettlementInput): Promise<void> {
  const task: Task = { checkoutId: input.checkoutId, wakes: 0 };
  setHandler(settleSignal, () => void (task.wakes += 1));
  await CancellationScope.nonCancellable(async () => {
    let wakesSettled: number;
    do {
      wakesSettled = task.wakes;
      await settle(task);
    } while (task.wakes > wakesSettled);
    await waitForHandlers();
  });
}

/** Between two rounds of a loop without end: nothing is remembered, so a long history may be left behind at any time. */
async function keepHistoryShort({ checkoutId }: Task): Promise<void> {
  if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof settlement>({ checkoutId });
}

interface Task {
  checkoutId: string;
  /** Signals so far. Each is answered by a whole look that begins after it, whatever else it has ended. */
  wakes: number;
}

async function settle(task: Task): Promise<void> {
  const { checkoutId } = task;
  const found = await readSettlementCase({ checkoutId });
  if (found === null) return;
  if (found.isOpen) return settleOpen(task, found);
  if (found.status === 'expired' || found.status === 'canceled' || found.status === 'payment_failed') {
    const status = await settleUnpaid(task, found);
    if (status === 'refund_pending') await refund(task);
  } else if (found.status === 'refund_pending' || found.status === 'refunded') {
    await refund(task);
  }
  await closeEvents({ checkoutId, eventIds: found.unjudgedEventIds });
}

/** The saga runs: it judges. It is gone: finish in its place. */
async function settleOpen(task: Task, found: SettlementCase): Promise<void> {
  const { checkoutId } = task;
  if ((await isCheckoutRunning({ checkoutId })) && (await askCheckout({ checkoutId }))) return;
  if (found.paymentIntentId === null) {
    const { requestFingerprint } = found;
    const closed = await closeUnboundCheckout({
      checkoutId,
      requestFingerprint,
      failureCode: 'checkout_not_opened',
    });
    if (closed.outcome === 'bound') await settle(task);
    return;
  }
  const ended = await end(task, found);
  if (ended === 'succeeded') {
    const { status } = await confirm(checkoutId, found, found.paymentIntentId);
    if (status === 'refund_pending') await refund(task);
    return;
  }
  await releaseCheckout({
    checkoutId,
    status: found.isDeadlinePassed ? 'expired' : 'canceled',
    failureCode: null,
    eventIds: found.unjudgedEventIds,
  });
}

/** A closed, unpaid checkout: late money re-claims the units if they are free, else it goes back. */
async function settleUnpaid(task: Task, found: SettlementCase): Promise<string> {
  if (found.paymentIntentId === null) return found.status;
  const ended = await end(task, found);
  if (ended !== 'succeeded') return found.status;
  return (await confirm(task.checkoutId, found, found.paymentIntentId)).status;
}

function confirm(checkoutId: string, found: SettlementCase, paymentIntentId: string) {
  return confirmCheckout({ checkoutId, paymentIntentId, eventIds: found.unjudgedEventIds });
}

async function end(task: Task, found: SettlementCase): Promise<'canceled' | 'succeeded'> {
  const { checkoutId } = task;
  let wakesKnown = task.wakes;
  const ended = await endPayment({
    checkoutId,
    amountMinor: found.amountMinor,
    currency: found.currency,
    reclaimGraceSeconds: found.reclaimGraceSeconds,
    pauseMaxSeconds: found.endPaymentPauseMaxSeconds,
    isReleased: !found.isOpen,
    hasNews: () => task.wakes > wakesKnown,
    onRound: () => {
      wakesKnown = task.wakes;
      return keepHistoryShort(task);
    },
    onHoldMaxReached: () => releaseUnproven(checkoutId, found.unjudgedEventIds),
  });
  return ended.outcome === 'succeeded' ? 'succeeded' : 'canceled';
}

/** Goes on until the refund stands at Stripe, waits for an event there, or needs a person. */
async function refund(task: Task): Promise<void> {
  const { checkoutId } = task;
  let pauseMs = REFUND_PAUSE_FIRST_MS;
  for (;;) {
    const { outcome } = await stripe('give the money back').refundPayment({ checkoutId });
    if (outcome !== 'again') return;
    await keepHistoryShort(task);
    await sleep(pauseMs);
    pauseMs = Math.min(pauseMs * 2, REFUND_PAUSE_MAX_MS);
  }
}
