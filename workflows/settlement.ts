// Settlement: what becomes of money that reached no running checkout, of a checkout whose run is gone, of every refund.
import {
  CancellationScope,
  condition,
  continueAsNew,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';

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

const PAUSE_FIRST_MS = 5_000;
const PAUSE_MAX_MS = 300_000;

/**
 * Settles one checkout. Everything is read anew, because memory is PostgreSQL and truth is Stripe; the signal that
 * started or woke it carries nothing. Registered as workflow type `settlement`, id `settle-<checkoutId>`.
 */
export async function settlement(input: SettlementInput): Promise<void> {
  const task: Task = { checkoutId: input.checkoutId, wakes: 0 };
  setHandler(settleSignal, () => void (task.wakes += 1));
  await CancellationScope.nonCancellable(async () => {
    for (let pauseMs = PAUSE_FIRST_MS; ; pauseMs = Math.min(pauseMs * 2, PAUSE_MAX_MS)) {
      const wakesKnown = task.wakes;
      const isWoken = () => task.wakes > wakesKnown;
      const outcome = await settle(task);
      if (outcome === 'settled' && !isWoken()) break;
      await keepHistoryShort(task);
      if (outcome === 'later') await condition(isWoken, pauseMs);
    }
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

/** For the loops without end: a signal ends a pause, and every round may leave a long history behind. */
function listenInRounds(task: Task) {
  let wakesKnown = task.wakes;
  return {
    hasNews: () => task.wakes > wakesKnown,
    onRound: () => {
      wakesKnown = task.wakes;
      return keepHistoryShort(task);
    },
  };
}

/** `later`: there is news of money that can only be written down once the checkout's own run has ended. */
async function settle(task: Task): Promise<'settled' | 'later'> {
  const { checkoutId } = task;
  const found = await readSettlementCase({ checkoutId });
  if (found === null) return 'settled';
  if (found.isOpen) {
    if ((await isCheckoutRunning({ checkoutId })) && (await askCheckout({ checkoutId })))
      return found.hasMoneyNews ? 'later' : 'settled';
    if ((await finishInItsPlace(task, found)) === 'bound_after_all') return 'settled';
  } else if (isUnpaid(found)) {
    await settleUnpaid(task, found);
  }
  await settleMoney(task);
  await closeEvents({ checkoutId, eventIds: found.unjudgedEventIds });
  return 'settled';
}

function isUnpaid({ status }: SettlementCase): boolean {
  return status === 'expired' || status === 'canceled' || status === 'payment_failed';
}

/** The saga's run is gone: its open checkout ends here, by the same steps. */
async function finishInItsPlace(task: Task, found: SettlementCase): Promise<'finished' | 'bound_after_all'> {
  const { checkoutId } = task;
  const { paymentIntentId, requestFingerprint } = found;
  if (paymentIntentId === null) {
    const closed = await closeUnboundCheckout({
      checkoutId,
      requestFingerprint,
      failureCode: 'checkout_not_opened',
    });
    if (closed.outcome === 'closed') return 'finished';
    task.wakes += 1;
    return 'bound_after_all';
  }
  const ended = await endOrCapture(task, found, paymentIntentId);
  if (ended.to === 'confirm') await confirm(checkoutId, found, paymentIntentId);
  else await releaseCheckout({ checkoutId, ...ended.as, eventIds: found.unjudgedEventIds });
  return 'finished';
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
    ...listenInRounds(task),
  });
  if (captured.outcome === 'captured') return { to: 'confirm' };
  const { status, failureCode } = CAPTURE_UNWINDINGS[captured.outcome];
  const voided = await end(task, found, true);
  return voided === 'succeeded' ? { to: 'confirm' } : { to: 'release', as: { status, failureCode } };
}

/** A closed, unpaid checkout: late money re-claims the units if they are free, else it goes back. */
async function settleUnpaid(task: Task, found: SettlementCase): Promise<void> {
  if (found.paymentIntentId === null) return;
  const ended = await end(task, found, false);
  if (ended === 'succeeded') await confirm(task.checkoutId, found, found.paymentIntentId);
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
    reclaimGraceSeconds: found.reclaimGraceSeconds,
    pauseMaxSeconds: found.endPaymentPauseMaxSeconds,
    isReleased: !found.isOpen,
    isVoid: () => isVoid,
    ...listenInRounds(task),
    onHoldMaxReached: () => releaseUnproven(checkoutId, found.unjudgedEventIds),
  });
  return ended.outcome === 'unbound' ? 'canceled' : ended.outcome;
}

/** Money that is in: what Stripe knows is written down first, then what was decided is sent, until it stands there. */
async function settleMoney(task: Task): Promise<void> {
  const { checkoutId } = task;
  const found = await readSettlementCase({ checkoutId });
  if (found === null || found.paymentIntentId === null || found.isOpen || isUnpaid(found)) return;
  await stripe('read refunds and disputes').recordMoney({
    checkoutId,
    paymentIntentId: found.paymentIntentId,
  });
  let pauseMs = PAUSE_FIRST_MS;
  while ((await stripe('give the money back').refundPayment({ checkoutId })).outcome === 'again') {
    await keepHistoryShort(task);
    await sleep(pauseMs);
    pauseMs = Math.min(pauseMs * 2, PAUSE_MAX_MS);
  }
}
