// Payments that do not go through: declines, 3D Secure, and cards that are not test cards.

import { ORDER, rejection, startTestSimulator } from './support';
import type { TestSimulator } from './support';

let simulator: TestSimulator;
beforeAll(async () => {
  simulator = await startTestSimulator();
});
afterAll(() => simulator.close());

test.each([
  ['pm_card_visa_chargeDeclined', 'card_declined', 'generic_decline', 'try_again_later'],
  ['pm_card_visa_chargeDeclinedInsufficientFunds', 'card_declined', 'insufficient_funds', 'try_again_later'],
  ['pm_card_visa_chargeDeclinedLostCard', 'card_declined', 'lost_card', 'do_not_try_again'],
  ['pm_card_visa_chargeDeclinedStolenCard', 'card_declined', 'stolen_card', 'do_not_try_again'],
  ['pm_card_radarBlock', 'card_declined', 'fraudulent', 'do_not_try_again'],
  ['pm_card_chargeDeclinedExpiredCard', 'expired_card', undefined, 'confirm_card_data'],
  ['pm_card_chargeDeclinedIncorrectCvc', 'incorrect_cvc', undefined, 'confirm_card_data'],
  ['pm_card_chargeDeclinedProcessingError', 'processing_error', undefined, 'try_again_later'],
  ['pm_card_chargeCustomerFail', 'card_declined', 'generic_decline', 'try_again_later'],
])(
  '%s is a 402 card error and leaves the PaymentIntent payable',
  async (token, code, declineCode, adviceCode) => {
    const { stripe } = simulator;
    const { id } = await stripe.paymentIntents.create(ORDER);
    const error = await rejection(stripe.paymentIntents.confirm(id, { payment_method: token }));
    expect(error).toMatchObject({
      type: 'StripeCardError',
      rawType: 'card_error',
      statusCode: 402,
      code,
      // The SDK makes '' of an error without a decline code.
      decline_code: declineCode ?? '',
      advice_code: adviceCode,
      charge: expect.stringMatching(/^ch_/),
      payment_intent: {
        id,
        status: 'requires_payment_method',
        payment_method: null,
        last_payment_error: { code, charge: error.charge },
      },
      payment_method: { object: 'payment_method', type: 'card' },
    });
    expect(error.doc_url).toContain('https://docs.stripe.com/error-codes');
    expect(await simulator.eventsOf(id)).toEqual([
      'payment_intent.created',
      'charge.failed',
      'payment_intent.payment_failed',
    ]);
    const paid = await stripe.paymentIntents.confirm(id, { payment_method: 'pm_card_visa' });
    expect(paid).toMatchObject({ status: 'succeeded', last_payment_error: null });
    expect((await simulator.ledgerOf(id)).captures).toHaveLength(1);
  },
);

test('two declines are two attempts with two charges', async () => {
  const { stripe } = simulator;
  const { id } = await stripe.paymentIntents.create(ORDER);
  const declined = { payment_method: 'pm_card_visa_chargeDeclined' };
  const first = await rejection(stripe.paymentIntents.confirm(id, declined));
  const second = await rejection(stripe.paymentIntents.confirm(id, declined));
  expect(first.charge).not.toBe(second.charge);
  const { data } = await stripe.charges.list({ payment_intent: id });
  expect(data.map(({ status }) => status)).toEqual(['failed', 'failed']);
});

test('a test number pays, any other number is refused before anything happens', async () => {
  const { stripe } = simulator;
  const { id } = await stripe.paymentIntents.create(ORDER);
  const withNumber = (number: string) =>
    stripe.rawRequest('POST', `/v1/payment_intents/${id}/confirm`, {
      payment_method_data: { type: 'card', card: { number, exp_month: 12, exp_year: 2035, cvc: '123' } },
    });
  const error = await rejection(withNumber('4111111111111111'));
  expect(error).toMatchObject({
    statusCode: 402,
    code: 'card_declined',
    decline_code: 'test_mode_live_card',
  });
  expect(error.message).toContain('never a real one');
  expect((await stripe.paymentIntents.retrieve(id)).status).toBe('requires_payment_method');
  expect(await simulator.eventsOf(id)).toEqual(['payment_intent.created']);
  await withNumber('4242 4242 4242 4242');
  expect((await simulator.ledgerOf(id)).status).toBe('succeeded');
});

test('3D Secure waits for the buyer, then pays', async () => {
  const { stripe } = simulator;
  const { id } = await stripe.paymentIntents.create(ORDER);
  const waiting = await stripe.paymentIntents.confirm(id, {
    payment_method: 'pm_card_threeDSecure2Required',
    return_url: 'http://127.0.0.1:3000/back?order=7',
  });
  expect(waiting).toMatchObject({ status: 'requires_action', next_action: { type: 'redirect_to_url' } });
  const url = waiting.next_action?.redirect_to_url?.url ?? '';
  expect(url.startsWith(simulator.url)).toBe(true);
  const page = await (await fetch(url)).text();
  expect(page).toContain('Stripe simulator — no real money');
  const answered = await fetch(`${url}/complete`, { method: 'POST', redirect: 'manual' });
  expect(answered.status).toBe(303);
  const back = new URL(answered.headers.get('location') ?? '');
  expect(back.origin).toBe('http://127.0.0.1:3000');
  expect(Object.fromEntries(back.searchParams)).toMatchObject({
    order: '7',
    payment_intent: id,
    redirect_status: 'succeeded',
  });
  expect(await stripe.paymentIntents.retrieve(id)).toMatchObject({ status: 'succeeded', next_action: null });
  expect((await fetch(`${url}/complete`, { method: 'POST' })).status).toBe(404);
  expect(await simulator.eventsOf(id)).toContain('payment_intent.requires_action');
});

test('failed 3D Secure is an attempt without a charge', async () => {
  const waiting = await simulator.pay('pm_card_authenticationRequired');
  await simulator.control('POST', `payment_intents/${waiting.id}/fail_3ds`);
  const failed = await simulator.stripe.paymentIntents.retrieve(waiting.id);
  expect(failed).toMatchObject({
    status: 'requires_payment_method',
    latest_charge: null,
    last_payment_error: {
      code: 'payment_intent_authentication_failure',
      payment_method: { object: 'payment_method' },
    },
  });
  expect(failed.last_payment_error).not.toHaveProperty('charge');
  const twice = await simulator.control('POST', `payment_intents/${waiting.id}/complete_3ds`);
  expect(twice.error).toMatchObject({ code: 'simulator_wrong_state' });
});

test('3D Secure passed, then declined by the bank', async () => {
  const waiting = await simulator.pay('pm_card_threeDSecureRequiredChargeDeclined');
  await simulator.control('POST', `payment_intents/${waiting.id}/complete_3ds`);
  expect(await simulator.stripe.paymentIntents.retrieve(waiting.id)).toMatchObject({
    status: 'requires_payment_method',
    last_payment_error: { code: 'card_declined', decline_code: 'generic_decline' },
  });
});

test('too many confirmations cancel the PaymentIntent', async () => {
  const { stripe } = simulator;
  await simulator.control('POST', 'settings', { confirm_limit: 2 });
  const { id } = await stripe.paymentIntents.create(ORDER);
  const declined = { payment_method: 'pm_card_visa_chargeDeclined' };
  await rejection(stripe.paymentIntents.confirm(id, declined));
  await rejection(stripe.paymentIntents.confirm(id, declined));
  const last = await rejection(stripe.paymentIntents.confirm(id, { payment_method: 'pm_card_visa' }));
  expect(last).toMatchObject({
    code: 'payment_intent_unexpected_state',
    payment_intent: { status: 'canceled', cancellation_reason: 'automatic' },
  });
  await simulator.control('POST', 'settings', { confirm_limit: 50 });
});
