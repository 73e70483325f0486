// What happens to a checkout without its saga: at Stripe, in the database, to the clock, and to others.
import { randomUUID } from 'node:crypto';

import Stripe from 'stripe';

import { cancelOrphan } from '../../../activities/stripe-calls';
import { bindPaymentIntent, confirmCheckout, openCheckout } from '../../../db/checkouts';
import { cleanupExpiredReservations } from '../../../db/cleanup';
import { postJson } from '../../support/ledger';
import { eventOf } from '../model/stripe';
import { boundOf, depsOf, eventIdOf, GRACE_SECONDS, type Subject } from './activities';

/** What buyer, bank, dashboard, time and the database do by themselves. */
export async function happen(subject: Subject, name: string, text: string): Promise<void> {
  const { checkoutId, parts, intents } = subject;
  const { stripe, simulatorUrl, pool } = parts;
  const bound = boundOf(subject);
  const confirm = async (method: string) => {
    try {
      await stripe.paymentIntents.confirm(bound, { payment_method: method, return_url: 'http://127.0.0.1/' });
    } catch (error) {
      if (!(error instanceof Stripe.errors.StripeCardError)) throw error;
    }
  };
  const act = (action: string) => postJson(`${simulatorUrl}/_simulator/payment_intents/${bound}/${action}`);
  const [verb = '', word = ''] = text.split(' ');
  if (name === 'the deadline passes') return age(subject, '1 second');
  if (name === 'the longest hold is over') return age(subject, '86401 seconds');
  if (name === 'a rival buys the unit') return rival(subject);
  if (text === 'buyer pays') return confirm('pm_card_visa');
  if (text === 'buyer is declined') return confirm('pm_card_visa_chargeDeclined');
  if (text === 'buyer is declined for good') return confirm('pm_card_visa_chargeDeclinedStolenCard');
  if (text === 'buyer begins 3DS') return confirm('pm_card_threeDSecure2Required');
  if (text === 'buyer pays by debit') return confirm('pm_usBankAccount_success');
  if (text === 'buyer completes 3DS') return void (await act('complete_3ds'));
  if (text === 'buyer fails 3DS') return void (await act('fail_3ds'));
  if (text === 'debit arrives') return void (await act('settle_processing'));
  if (text === 'debit fails') return void (await act('fail_processing'));
  if (text === 'authorisation expires') return void (await act('expire_authorization'));
  if (text === 'dashboard cancels') return void (await stripe.paymentIntents.cancel(bound));
  if (text === 'dashboard captures') return void (await stripe.paymentIntents.capture(bound));
  if (text === 'dashboard refunds') return void (await stripe.refunds.create({ payment_intent: bound }));
  if (verb === 'delivers' || verb === 'stores') return store(subject, text.split(' ').find((part) => /^\d[a-z]/.test(part)) ?? '');
  if (text.startsWith('lease lapses'))
    return void (await pool.query(`update inventory_reservations set reclaim_after = clock_timestamp() - interval '1 second' where checkout_id = $1`, [checkoutId]));
  if (text === 'database takes back') return void (await cleanupExpiredReservations(pool));
  if (verb === 'orphan') return cancelOrphan(depsOf(subject, null), checkoutId, intents[Number(word)] ?? '');
} // prettier-ignore

async function age({ parts, checkoutId }: Subject, past: string): Promise<void> {
  await parts.pool.query(`update checkouts set expires_at = clock_timestamp() - $2::interval where id = $1`, [
    checkoutId,
    past,
  ]);
}

async function rival({ parts, productId }: Subject): Promise<void> {
  const rival = randomUUID();
  const { pool } = parts;
  await openCheckout(pool, {
    checkoutId: rival,
    requestFingerprint: '',
    customerId: null,
    lines: [{ dropProductId: productId, quantity: 1 }],
    windowSeconds: 300,
    reclaimGraceSeconds: GRACE_SECONDS,
    paymentAttemptsMax: 2,
  });
  await bindPaymentIntent(pool, { checkoutId: rival, paymentIntentId: `pi_${rival}` });
  await confirmCheckout(pool, { checkoutId: rival, paymentIntentId: `pi_${rival}`, eventIds: [] });
}

async function store(subject: Subject, id: string): Promise<void> {
  await subject.parts.pool.query(
    `insert into webhook_events (event_id, type, livemode, stripe_created_at, payment_intent_id, checkout_id, payload)
     values ($1, $2, false, clock_timestamp(), $3, $4, '{}') on conflict do nothing`,
    [eventIdOf(subject, id), eventOf(id).type, boundOf(subject), subject.checkoutId],
  );
}
