// The one door of the inbox: whoever brings an event, it is judged and stored here, by the same rules.
import { envelopeOf, kindOf, paymentEventOf } from '../contracts/stripe-event';
import type { StripeEvent } from '../contracts/stripe-event';
import type { PaymentEvent } from '../contracts/payment-events';
import { findCheckoutByPaymentIntent } from './checkout-view';
import { storeEvent } from './inbox';
import type { Db } from './query';

/** What becomes of an event: handed on to its checkout's saga or settlement, or stored and left at that. */
export type Verdict =
  | { act: 'signal'; checkoutId: string; signal: PaymentEvent }
  | { act: 'settle'; checkoutId: string }
  | { act: 'store'; outcome: 'ignored' | 'no_effect'; reason: string };

export interface TakenEvent {
  verdict: Verdict;
  isNew: boolean;
  /** Nobody has handed it on yet, and somebody must. */
  isDue: boolean;
}

/** Whose events are ours. */
export interface Ownership {
  /** The installation's random id: what carries another one, or none, is not ours. */
  holdfastEnv: string;
  isLive: boolean;
}

/**
 * Judges an event and stores it, once, by its id; repeating it changes nothing.
 * @throws UnreadableEventError when its object is not what its type promises; nothing is stored then.
 */
export async function takeIn(db: Db, event: StripeEvent, ownership: Ownership): Promise<TakenEvent> {
  const verdict = await judge(db, event, ownership);
  const stored = await store(db, event, verdict);
  const isHandedOn = verdict.act === 'store' || stored.forwardedAt !== null || stored.outcome !== null;
  return { verdict, isNew: stored.isNew, isDue: !isHandedOn };
}

/** A Stripe account has other users: only what carries our installation's id, or a PaymentIntent we bound, is ours. */
async function judge(db: Db, event: StripeEvent, { holdfastEnv, isLive }: Ownership): Promise<Verdict> {
  const ignored = (reason: string): Verdict => ({ act: 'store', outcome: 'ignored', reason });
  if (event.livemode !== isLive) return ignored('other_livemode');
  if (event.holdfastEnv !== null && event.holdfastEnv !== holdfastEnv) return ignored('other_holdfast_env');
  const kind = kindOf(event.type);
  if (kind === 'settlement') {
    const checkoutId = await checkoutOfMoney(db, event);
    return checkoutId === null ? ignored('not_our_payment') : { act: 'settle', checkoutId };
  }
  if (event.holdfastEnv === null) return ignored('no_holdfast_env');
  if (kind === 'other') return { act: 'store', outcome: 'no_effect', reason: 'type_not_judged' };
  return event.checkoutId === null
    ? ignored('no_checkout_id')
    : { act: 'signal', checkoutId: event.checkoutId, signal: paymentEventOf(event) };
}

/** A refund made in the dashboard and every dispute carry no metadata of ours: their PaymentIntent tells. */
async function checkoutOfMoney(db: Db, event: StripeEvent): Promise<string | null> {
  if (event.holdfastEnv !== null && event.checkoutId !== null) return event.checkoutId;
  if (event.paymentIntentId === null) return null;
  return findCheckoutByPaymentIntent(db, event.paymentIntentId);
}

function store(db: Db, event: StripeEvent, verdict: Verdict) {
  const { eventId, type, livemode, createdUnixSeconds, paymentIntentId } = event;
  const isIgnored = verdict.act === 'store' && verdict.outcome === 'ignored';
  return storeEvent(db, {
    eventId,
    type,
    livemode,
    createdUnixSeconds,
    paymentIntentId,
    checkoutId: verdict.act === 'store' ? (isIgnored ? null : event.checkoutId) : verdict.checkoutId,
    payload: isIgnored ? envelopeOf(event) : event.payload,
    signal: verdict.act === 'signal' ? verdict.signal : null,
    outcome: verdict.act === 'store' ? verdict.outcome : null,
    reason: verdict.act === 'store' ? verdict.reason : null,
  });
}
