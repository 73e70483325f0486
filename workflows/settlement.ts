// Settlement: what becomes of money that reached no running checkout, of a checkout whose run is gone, of every refund.
import { CancellationScope, continueAsNew, setHandler, sleep, workflowInfo } from '@temporalio/workflow';

import type { ReleaseInput } from '../activities/checkout';
import type { SettlementCase } from '../activities/settlement';
import { settleSignal, type SettlementInput } from '../contracts/messages';
import { capturePayment } from './capture-payment';
import { CAPTURE_UNWINDINGS } from './capture-step';
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
  const task: Task = { checkoutId: input.checkoutId, isWoken: true };
  setHandler(settleSignal, () => void (task.isWoken = true));
  await CancellationScope.nonCancellable(async () => {
    while (task.isWoken) {
      task.isWoken = false;
      await settle(task);
      if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof settlement>(input);
    }
    await waitForHandlers();
  });
}

interface Task {
  checkoutId: string;
  /** A signal came since the last look. */
  isWoken: boolean;
}

async function settle(task: Task): Promise<void> {
  const { checkoutId } = task;
  const found = await readSettlementCase({ checkoutId });
  if (found === null) return;
  if (found.isOpen) return settleOpen(task, found);
  if (found.status === 'expired' || found.status === 'canceled' || found.status === 'payment_failed') {
    const status = await settleUnpaid(task, found);
    if (status === 'refund_pending') await refund(checkoutId);
  } else if (found.status === 'refund_pending') {
    await refund(checkoutId);
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
  const { paymentIntentId } = found;
  const ended = await endOrCapture(task, found, paymentIntentId);
  if (ended.to === 'confirm') {
    const { status } = await confirm(checkoutId, found, paymentIntentId);
    if (status === 'refund_pending') await refund(checkoutId);
    return;
  }
  await releaseCheckout({ checkoutId, ...ended.as, eventIds: found.unjudgedEventIds });
}

type OpenEnd = { to: 'confirm' } | { to: 'release'; as: Pick<ReleaseInput, 'status' | 'failureCode'> };

/** The saga's own way from an open payment to its end: an authorised one is captured while its units are held. */
async function endOrCapture(task: Task, found: SettlementCase, paymentIntentId: string): Promise<OpenEnd> {
  const { checkoutId } = task;
  const { amountMinor, currency, reclaimGraceSeconds } = found;
  const ended = await end(task, found, false);
  if (ended === 'succeeded') return { to: 'confirm' };
  if (ended === 'canceled') {
    return {
      to: 'release',
      as: { status: found.isDeadlinePassed ? 'expired' : 'canceled', failureCode: null },
    };
  }
  const captured = await capturePayment({
    checkoutId,
    paymentIntentId,
    amountMinor,
    currency,
    reclaimGraceSeconds,
    pauseMaxSeconds: found.endPaymentPauseMaxSeconds,
    hasNews: () => task.isWoken,
    onRound: () => void (task.isWoken = false),
  });
  if (captured.outcome === 'captured') return { to: 'confirm' };
  const { status, failureCode } = CAPTURE_UNWINDINGS[captured.outcome];
  const voided = await end(task, found, true);
  return voided === 'succeeded' ? { to: 'confirm' } : { to: 'release', as: { status, failureCode } };
}

/** A closed, unpaid checkout: late money re-claims the units if they are free, else it goes back. */
async function settleUnpaid(task: Task, found: SettlementCase): Promise<string> {
  if (found.paymentIntentId === null) return found.status;
  const ended = await end(task, found, false);
  if (ended !== 'succeeded') return found.status;
  return (await confirm(task.checkoutId, found, found.paymentIntentId)).status;
}

function confirm(checkoutId: string, found: SettlementCase, paymentIntentId: string) {
  return confirmCheckout({ checkoutId, paymentIntentId, eventIds: found.unjudgedEventIds });
}

async function end(
  task: Task,
  found: SettlementCase,
  isVoid: boolean,
): Promise<'canceled' | 'succeeded' | 'authorised'> {
  const { checkoutId } = task;
  const ended = await endPayment({
    checkoutId,
    amountMinor: found.amountMinor,
    currency: found.currency,
    cancellationReason: 'abandoned',
    reclaimGraceSeconds: found.reclaimGraceSeconds,
    pauseMaxSeconds: found.endPaymentPauseMaxSeconds,
    isReleased: !found.isOpen,
    isVoid,
    hasNews: () => task.isWoken,
    onRound: () => void (task.isWoken = false),
    onHoldMaxReached: () => releaseUnproven(checkoutId, found.unjudgedEventIds),
  });
  return ended.outcome === 'unbound' ? 'canceled' : ended.outcome;
}

/** Goes on until the refund stands at Stripe, waits for an event there, or needs a person. */
async function refund(checkoutId: string): Promise<void> {
  let pauseMs = REFUND_PAUSE_FIRST_MS;
  for (;;) {
    const { outcome } = await stripe('give the money back').refundPayment({ checkoutId });
    if (outcome !== 'again') return;
    await sleep(pauseMs);
    pauseMs = Math.min(pauseMs * 2, REFUND_PAUSE_MAX_MS);
  }
}
