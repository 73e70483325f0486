// Cancel and capture: what ends a payment, what refuses to, and what the refusal carries.
import type Stripe from 'stripe';
import { claims } from '../claim';
import { aNumber, aText, check, oneOf, refused } from '../check';
import type { Conversation } from '../conversation';

const UNEXPECTED = {
  status: 400,
  type: 'invalid_request_error',
  code: 'payment_intent_unexpected_state',
};
const MANUAL = { capture_method: 'manual' } as const;

const cancel = (talk: Conversation, id: string) =>
  talk.stripe.paymentIntents.cancel(id, { cancellation_reason: 'abandoned' });

async function cancels(talk: Conversation, { id, status }: Stripe.PaymentIntent, expected: string) {
  check('the status before', status, expected);
  check('the PaymentIntent', await cancel(talk, id), {
    status: 'canceled',
    cancellation_reason: 'abandoned',
    canceled_at: aNumber,
    amount_capturable: 0,
    amount_received: 0,
  });
}

export const ENDING = claims('end', {
  'cancel ends one that requires a payment method': async (talk) =>
    cancels(talk, await talk.intent(), 'requires_payment_method'),
  'cancel ends one that requires a confirmation': async (talk) =>
    cancels(talk, await talk.intent({ payment_method: 'pm_card_visa' }), 'requires_confirmation'),
  'cancel ends one that waits for 3D Secure': async (talk) => {
    const { id } = await talk.intent();
    const waiting = await talk.stripe.paymentIntents.confirm(id, {
      payment_method: 'pm_card_threeDSecure2Required',
      return_url: 'https://example.com/back',
    });
    await cancels(talk, waiting, 'requires_action');
  },
  'cancel lets an authorisation go: no refund, nothing refunded': async (talk) => {
    const held = await talk.pay('pm_card_visa', MANUAL);
    await cancels(talk, held, 'requires_capture');
    const refunds = await talk.stripe.refunds.list({ payment_intent: held.id });
    check('the refunds', refunds.data, []);
    const [charge] = (await talk.stripe.charges.list({ payment_intent: held.id })).data;
    check('the charge', charge, { captured: false, amount_refunded: 0 });
  },
  'cancel after success is refused, with the PaymentIntent': async (talk) => {
    const { id } = await talk.pay('pm_card_visa');
    await refused('cancel', cancel(talk, id), { ...UNEXPECTED, intentStatus: 'succeeded' });
  },
  'a second cancel is refused: it is not idempotent by itself': async (talk) => {
    const { id } = await talk.intent();
    await cancel(talk, id);
    await refused('cancel', cancel(talk, id), { ...UNEXPECTED, intentStatus: 'canceled' });
  },
  'a canceled one cannot be paid any more': async (talk) => {
    const { id } = await talk.intent();
    await cancel(talk, id);
    const confirm = talk.stripe.paymentIntents.confirm(id, { payment_method: 'pm_card_visa' });
    await refused('confirm', confirm, { ...UNEXPECTED, intentStatus: 'canceled' });
    check('the charges', (await talk.stripe.charges.list({ payment_intent: id })).data, []);
  },
  'a reason of one’s own invention is refused': async (talk) => {
    const { id } = await talk.intent();
    const form = { cancellation_reason: 'sold_out' };
    const { status, body } = await talk.raw('POST', `/v1/payment_intents/${id}/cancel`, { form });
    check('the reply', { status, ...body.error }, { status: 400, type: 'invalid_request_error' });
  },
  'a manual capture holds the money first': async (talk) => {
    const held = await talk.pay('pm_card_visa', MANUAL);
    check('the PaymentIntent', held, {
      status: 'requires_capture',
      amount_capturable: 100,
      amount_received: 0,
      latest_charge: aText(/^ch_|^py_/),
    });
    const captured = await talk.stripe.paymentIntents.capture(held.id);
    check('the captured one', captured, { status: 'succeeded', amount_capturable: 0, amount_received: 100 });
  },
  'a smaller capture lets the rest go': async (talk) => {
    const { id } = await talk.pay('pm_card_visa', MANUAL);
    const captured = await talk.stripe.paymentIntents.capture(id, { amount_to_capture: 60 });
    check('the captured one', captured, { status: 'succeeded', amount_capturable: 0, amount_received: 60 });
  },
  'more than was held cannot be captured': async (talk) => {
    const { id } = await talk.pay('pm_card_visa', MANUAL);
    const capture = talk.stripe.paymentIntents.capture(id, { amount_to_capture: 101 });
    await refused('capture', capture, { status: 400, type: 'invalid_request_error' });
  },
  'a second capture is refused, with the PaymentIntent': async (talk) => {
    const { id } = await talk.pay('pm_card_visa', MANUAL);
    await talk.stripe.paymentIntents.capture(id);
    const again = talk.stripe.paymentIntents.capture(id, {}, { idempotencyKey: talk.newKey() });
    await refused('capture', again, { ...UNEXPECTED, intentStatus: 'succeeded' });
  },
  'nothing held, nothing to capture': async (talk) => {
    const { id } = await talk.intent(MANUAL);
    await refused('capture', talk.stripe.paymentIntents.capture(id), {
      ...UNEXPECTED,
      intentStatus: 'requires_payment_method',
    });
  },
  'an authorisation may say until when it can be captured': async (talk) => {
    const { id } = await talk.pay('pm_card_visa', MANUAL);
    const { latest_charge: charge } = await talk.stripe.paymentIntents.retrieve(id, {
      expand: ['latest_charge'],
    });
    const before = typeof charge === 'object' ? charge?.payment_method_details?.card?.capture_before : 0;
    check('capture_before', typeof before, oneOf('number', 'object', 'undefined'));
    if (typeof before === 'number') check('it is ahead', before > Date.now() / 1000, true);
  },
  'confirm after success is refused, and charges nothing': async (talk) => {
    const { id } = await talk.pay('pm_card_visa');
    const again = talk.stripe.paymentIntents.confirm(id, { payment_method: 'pm_card_visa' });
    await refused('confirm', again, UNEXPECTED);
    check('the charges', (await talk.stripe.charges.list({ payment_intent: id })).data.length, 1);
  },
});
