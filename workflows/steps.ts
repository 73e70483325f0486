// The saga's calls: timeouts, retries and queues, each spelled out with its reason.
import { TimeoutType } from '@temporalio/common';
import {
  ActivityFailure,
  isCancellation,
  proxyActivities,
  proxyLocalActivities,
  TimeoutFailure,
} from '@temporalio/workflow';

import type { MainActivities, StripeActivities, StripeCreateActivities } from '../activities';
import type { PaidInput, ReleaseInput } from '../activities/checkout';
import type { CaptureInput, CaptureOutcome } from '../activities/capture-payment';
import type { EndPaymentInput } from '../activities/end-payment';
import { STRIPE_CREATE_TASK_QUEUE, STRIPE_TASK_QUEUE } from '../contracts/messages';
import { unlessPaused } from './pause';

/**
 * PostgreSQL on the fast path. A local activity holds a workflow-task slot with all its retries, so it may not try for
 * long: 3 s, then the same function goes on as a regular activity.
 */
const fast = proxyLocalActivities<MainActivities>({
  startToCloseTimeout: '2s',
  scheduleToCloseTimeout: '3s',
  retry: { initialInterval: '100ms', backoffCoefficient: 2, maximumInterval: '1s' },
});

/** Steps that must be done: tried without end; past an age the activity itself opens an incident. */
const durable = proxyActivities<MainActivities>({
  startToCloseTimeout: '10s',
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '30s' },
});

const OPEN_TOTAL_MS = 15_000;
const OPEN_FAST_MS = 3_000;

/** Opening has 15 s in all: a buyer waits for the answer. */
const bounded = proxyActivities<MainActivities>({
  startToCloseTimeout: '5s',
  scheduleToCloseTimeout: OPEN_TOTAL_MS - OPEN_FAST_MS,
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '5s' },
});

async function fastThen<T>(tryFast: () => Promise<T>, goOn: () => Promise<T>): Promise<T> {
  try {
    return await tryFast();
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    return goOn();
  }
}

type Call<K extends keyof MainActivities> = (
  ...args: Parameters<MainActivities[K]>
) => ReturnType<MainActivities[K]>;

export const openCheckout: Call<'openCheckout'> = (input) =>
  fastThen(
    () => fast.openCheckout.executeWithOptions({ summary: 'reserve every line or none' }, [input]),
    () => bounded.openCheckout(input),
  );

export const confirmCheckout = (input: PaidInput) =>
  unlessPaused(() =>
    fastThen(
      () =>
        fast.confirmCheckout.executeWithOptions({ summary: 'confirm the units, create the order' }, [input]),
      () => durable.confirmCheckout(input),
    ),
  );

export const renewLease: Call<'renewLease'> = (input) =>
  fastThen(
    () => fast.renewLease.executeWithOptions({ summary: 'renew the lease' }, [input]),
    () => durable.renewLease(input),
  );

export const secureUnits: Call<'secureUnits'> = (input) =>
  fastThen(
    () =>
      fast.secureUnits.executeWithOptions({ summary: 'hold every unit, or learn that it is gone' }, [input]),
    () => durable.secureUnits(input),
  );

export const recordDecline: Call<'recordDecline'> = (input) =>
  fastThen(
    () => fast.recordDecline.executeWithOptions({ summary: 'count a declined attempt' }, [input]),
    () => durable.recordDecline(input),
  );

export const closeEvents: Call<'closeEvents'> = (input) =>
  fastThen(
    () => fast.closeEvents(input),
    () => durable.closeEvents(input),
  );

/** Compensation is always regular: visible in the UI, with durable retries. */
export const releaseCheckout = (input: ReleaseInput) => unlessPaused(() => durable.releaseCheckout(input));

export const {
  closeUnboundCheckout,
  recordProcessing,
  extendCheckout,
  openIncident,
  startSettlement,
  readSettlementCase,
  requestRefund,
  isCheckoutRunning,
  askCheckout,
} = durable;

/** An operator's own steps: none is on a buyer's path. */
export const operations = durable;

/**
 * Waits for an end that somebody else brings about. The retries leave no trace in history; they have no end of their own,
 * because the checkout's has its incidents.
 */
export const untilSettled = proxyActivities<MainActivities>({
  startToCloseTimeout: '10s',
  retry: { initialInterval: '100ms', backoffCoefficient: 1.5, maximumInterval: '30s' },
  summary: 'wait for the end of the checkout',
});

/** One create may take 8 s at Stripe. A lost worker is noticed after 10 s, while there is time for another attempt. */
export function stripeCreate(scheduleToCloseMs: number) {
  return proxyActivities<StripeCreateActivities>({
    taskQueue: STRIPE_CREATE_TASK_QUEUE,
    startToCloseTimeout: '10s',
    scheduleToCloseTimeout: scheduleToCloseMs,
    retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '5s' },
    summary: 'create the PaymentIntent',
  });
}

/** A look at Stripe while the window is open: bounded, because news may wait behind it, and the deadline looks again. */
export function stripeLook(scheduleToCloseMs: number) {
  return proxyActivities<StripeActivities>({
    taskQueue: STRIPE_TASK_QUEUE,
    startToCloseTimeout: '10s',
    scheduleToCloseTimeout: scheduleToCloseMs,
    retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '5s' },
    summary: 'read the payment',
  });
}

/**
 * Ending, capturing and refunding: without end, under one key while the outcome is unknown. `scheduleToStart` brings the
 * workflow back to renew the lease when nobody takes the task.
 */
export function stripe(summary: string, scheduleToStartMs?: number) {
  const proxy = proxyActivities<StripeActivities>({
    taskQueue: STRIPE_TASK_QUEUE,
    startToCloseTimeout: '30s',
    ...(scheduleToStartMs === undefined ? {} : { scheduleToStartTimeout: scheduleToStartMs }),
    retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '60s' },
    summary,
  });
  return {
    recordMoney: proxy.recordMoney,
    endPayment: (input: EndPaymentInput) => unlessPaused(() => proxy.endPayment(input)),
    refundPayment: (input: { checkoutId: string }) => unlessPaused(() => proxy.refundPayment(input)),
    capturePayment: (input: CaptureInput) =>
      unlessPaused(
        () => proxy.capturePayment(input),
        () => unlessUnitsGone(input),
      ),
  };
}

/** No capture is sent without units held for it, and a pause is long enough to lose them. */
async function unlessUnitsGone({ checkoutId }: CaptureInput): Promise<CaptureOutcome | null> {
  const { isSecured } = await secureUnits({ checkoutId });
  return isSecured ? null : { outcome: 'hold_max_reached' };
}

/** An attempt at Stripe, or `not_taken` when no worker took it in time. */
export async function unlessNotTaken<T>(attempt: () => Promise<T>): Promise<T | { outcome: 'not_taken' }> {
  try {
    return await attempt();
  } catch (error) {
    if (isNotTaken(error)) return { outcome: 'not_taken' };
    throw error;
  }
}

/** Nobody took the task in time. Retries end in this as well, with whatever timeout came last as the cause. */
function isNotTaken(error: unknown): boolean {
  return (
    error instanceof ActivityFailure &&
    error.cause instanceof TimeoutFailure &&
    error.cause.timeoutType === TimeoutType.SCHEDULE_TO_START
  );
}
