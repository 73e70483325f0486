// Events and webhook endpoints, as far as they can be seen without receiving one.
import type Stripe from 'stripe';
import { claims } from '../claim';
import { aNumber, aText, check, refused } from '../check';
import type { Conversation } from '../conversation';

/** The event of this type about this PaymentIntent (or its charge), once it is listed. */
function eventOf(talk: Conversation, type: string, intentId: string): Promise<Stripe.Event> {
  return talk.eventually(`${type} of ${intentId}`, async () => {
    const { data } = await talk.stripe.events.list({ type, limit: 100 });
    return data.find(({ data: { object } }) => {
      const { id, payment_intent: intent } = object as { id?: string; payment_intent?: string };
      return id === intentId || intent === intentId;
    });
  });
}

export const EVENTS = claims('event', {
  'an event carries the object as it was then, and what caused it': async (talk) => {
    const key = talk.newKey();
    const { id } = await talk.intent({}, key);
    await talk.stripe.paymentIntents.confirm(id, { payment_method: 'pm_card_visa' });
    const created = await eventOf(talk, 'payment_intent.created', id);
    check('the event', created, {
      object: 'event',
      livemode: false,
      created: aNumber,
      pending_webhooks: aNumber,
      request: { id: aText(/^req_/), idempotency_key: key },
      data: { object: { id, status: 'requires_payment_method', amount_received: 0 } },
    });
    const succeeded = await eventOf(talk, 'payment_intent.succeeded', id);
    check('the snapshot', succeeded.data.object, { id, status: 'succeeded', amount_received: 100 });
    check('read again', await talk.stripe.events.retrieve(succeeded.id), { id: succeeded.id });
  },
  'an authorisation is payment_intent.amount_capturable_updated': async (talk) => {
    const { id } = await talk.pay('pm_card_visa', { capture_method: 'manual' });
    const event = await eventOf(talk, 'payment_intent.amount_capturable_updated', id);
    check('the snapshot', event.data.object, { status: 'requires_capture', amount_capturable: 100 });
  },
  'a decline is payment_intent.payment_failed, and not the end': async (talk) => {
    const { id } = await talk.intent();
    const declined = { payment_method: 'pm_card_visa_chargeDeclined' };
    await refused('confirm', talk.stripe.paymentIntents.confirm(id, declined), { status: 402 });
    const event = await eventOf(talk, 'payment_intent.payment_failed', id);
    check('the snapshot', event.data.object, {
      status: 'requires_payment_method',
      last_payment_error: { code: 'card_declined' },
    });
  },
  'a cancel is payment_intent.canceled': async (talk) => {
    const { id } = await talk.intent();
    await talk.stripe.paymentIntents.cancel(id, { cancellation_reason: 'requested_by_customer' });
    const event = await eventOf(talk, 'payment_intent.canceled', id);
    check('the snapshot', event.data.object, {
      status: 'canceled',
      cancellation_reason: 'requested_by_customer',
    });
  },
  'a refund is charge.refunded with what was there before, and refund.created': async (talk) => {
    const { id } = await talk.pay('pm_card_visa');
    await talk.stripe.refunds.create({ payment_intent: id, amount: 40 });
    const refunded = await eventOf(talk, 'charge.refunded', id);
    check('charge.refunded', refunded.data, {
      object: { amount_refunded: 40 },
      previous_attributes: { amount_refunded: 0 },
    });
    const created = await eventOf(talk, 'refund.created', id);
    check('refund.created', created.data.object, { amount: 40, payment_intent: id });
  },
  'the balance transaction of an automatic_async charge comes in charge.updated': async (talk) => {
    const { id } = await talk.pay('pm_card_visa');
    const event = await eventOf(talk, 'charge.updated', id);
    check('charge.updated', event.data, {
      object: { balance_transaction: aText(/^txn_/) },
      previous_attributes: { balance_transaction: null },
    });
  },
  'lists take up to twenty types, and delivery_success; not type and types': async (talk) => {
    const types = Array.from({ length: 21 }, (_, n) => (n === 0 ? 'charge.refunded' : `charge.t${n}`));
    const BAD = { status: 400, type: 'invalid_request_error' };
    await refused('21 types', talk.stripe.events.list({ types }), BAD);
    const both = { type: 'charge.refunded', types: ['charge.refunded'] };
    await refused('type and types', talk.stripe.events.list(both), BAD);
    const list = await talk.stripe.events.list({ delivery_success: false, limit: 1 });
    check('the list', list, { object: 'list' });
  },
  'lists page backwards and forwards': async (talk) => {
    for (let n = 0; n < 3; n += 1) await talk.intent();
    const { data } = await talk.stripe.events.list({ type: 'payment_intent.created', limit: 3 });
    const [newest, middle, oldest] = data.map(({ id }) => id);
    const after = await talk.stripe.events.list({
      type: 'payment_intent.created',
      starting_after: newest ?? '',
      limit: 1,
    });
    check(
      'after the newest',
      after.data.map(({ id }) => id),
      [middle],
    );
    const before = await talk.stripe.events.list({
      type: 'payment_intent.created',
      ending_before: oldest ?? '',
      limit: 1,
    });
    check(
      'before the oldest',
      before.data.map(({ id }) => id),
      [middle],
    );
  },
  'a webhook endpoint shows its secret once, and is gone when deleted': async (talk) => {
    const made = await talk.endpoint();
    check('the endpoint', made, { object: 'webhook_endpoint', livemode: false, secret: aText(/^whsec_/) });
    const read = await talk.stripe.webhookEndpoints.retrieve(made.id);
    check('read again', { id: read.id, hasSecret: 'secret' in read }, { id: made.id, hasSecret: false });
    await talk.stripe.webhookEndpoints.del(made.id);
    await refused('retrieve', talk.stripe.webhookEndpoints.retrieve(made.id), { status: 404 });
  },
});
