// Reconciliation, second part: what Stripe lists. Events it could not deliver go into the inbox; PaymentIntents that nobody
// was ever given the secret of are canceled.
import { heartbeat, log } from '@temporalio/activity';
import { setTimeout as pause } from 'node:timers/promises';

import { JUDGED_EVENT_TYPES } from '../contracts/payment-events';
import { isOpenCheckoutStatus } from '../contracts/statuses';
import { readCheckout } from '../db/checkouts';
import { parsePaymentIntent, UnreadableStripeReplyError, type PaymentIntentReply } from '../platform/stripe';
import { listEvents } from '../platform/stripe-events';
import { readStripeFailure } from '../platform/stripe-failures';
import type { ActivityDeps } from './deps';
import { CANCELLABLE } from './end-payment';
import { watched } from './endless';
import { takeListedEvents } from './listed-events';
import { PACE_MS } from './patient-reader';
import { cancelOrphan } from './stripe-calls';

/** A create is bound within seconds; a day covers every outage that may have left one. */
const ORPHANS_SECONDS = 86_400;
/** As long as Stripe itself goes on trying to deliver. */
const UNDELIVERED_SECONDS = 3 * 86_400;

/** Which part of Stripe's list is read: fixed with the first page, so that the list ends however long it takes. */
export interface Window {
  fromUnixSeconds: number;
  toUnixSeconds: number;
}

export interface ListedInput {
  startingAfter: string | null;
  /** Null for the first page. */
  window: Window | null;
  /** Younger ones are on their way: to a webhook, or to being bound by their checkout. */
  ageSeconds: number;
}

export interface ListedPage {
  /** Canceled PaymentIntents, or events that were handed on. */
  found: number;
  nextStartingAfter: string | null;
  window: Window;
}

export function reconcileListedActivities(deps: ActivityDeps) {
  return {
    /** Takes in what Stripe could not deliver to a webhook; a page of a hundred. */
    async takeUndelivered(input: ListedInput): Promise<ListedPage> {
      const window = input.window ?? windowUntil(input.ageSeconds, UNDELIVERED_SECONDS);
      return watched(deps, { checkoutId: null, step: 'take_undelivered' }, async () => {
        const page = await listEvents(deps.stripe, {
          types: JUDGED_EVENT_TYPES,
          createdFromUnixSeconds: window.fromUnixSeconds,
          createdToUnixSeconds: window.toUnixSeconds,
          startingAfter: input.startingAfter,
          isUndelivered: true,
        });
        const found = await takeListedEvents(deps, page.events, {
          source: 'reconciliation',
          onEvent: heartbeat,
          tell: (message, fields) => log.warn(message, fields),
        });
        await pause(PACE_MS);
        return { found, nextStartingAfter: page.nextStartingAfter, window };
      });
    },

    /** Cancels what was created for a checkout of ours that has closed, or is bound to another PaymentIntent. */
    async cancelOrphans(input: ListedInput): Promise<ListedPage> {
      const window = input.window ?? windowUntil(input.ageSeconds, ORPHANS_SECONDS);
      if (deps.settlement() === 'paused') return { found: 0, nextStartingAfter: null, window };
      return watched(deps, { checkoutId: null, step: 'cancel_orphans' }, async () => {
        const list = await listPayments(deps, window, input.startingAfter);
        let found = 0;
        for (const payment of list.payments) {
          if (await cancelIfOrphan(deps, payment)) found += 1;
          heartbeat();
        }
        await pause(PACE_MS);
        return { found, nextStartingAfter: list.nextStartingAfter, window };
      });
    },
  };
}

/** By this machine's clock: minutes do not matter. */
function windowUntil(ageSeconds: number, lengthSeconds: number): Window {
  const toUnixSeconds = Math.floor(Date.now() / 1000) - ageSeconds;
  return { fromUnixSeconds: toUnixSeconds - lengthSeconds, toUnixSeconds };
}

async function listPayments(deps: ActivityDeps, window: Window, startingAfter: string | null) {
  const list = await deps.stripe.paymentIntents.list({
    limit: 100,
    created: { gte: window.fromUnixSeconds, lte: window.toUnixSeconds },
    ...(startingAfter === null ? {} : { starting_after: startingAfter }),
  });
  const payments = list.data.map(parsePaymentIntent);
  const nextStartingAfter = list.has_more ? (payments.at(-1)?.id ?? null) : null;
  if (list.has_more && (nextStartingAfter === null || nextStartingAfter === startingAfter))
    throw new UnreadableStripeReplyError('The list of PaymentIntents does not go on.');
  return { payments, nextStartingAfter };
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
  const isCanceled = await cancelNow(deps, checkoutId, payment.id);
  if (isCanceled) deps.observer?.onOrphanCanceled?.();
  return isCanceled;
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
