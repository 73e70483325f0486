// The life of a PaymentIntent: what each call answers, what the ledger says, which events were made.

import type Stripe from 'stripe';
import type {
  ChargeObject,
  EventObject,
  PaymentIntentObject,
  RefundObject,
} from '../../local/stripe-simulator/types';
import { chargeOf, ORDER, rejection, sdk, startTestSimulator } from './support';
import type { TestSimulator } from './support';

let simulator: TestSimulator;
beforeAll(async () => {
  simulator = await startTestSimulator();
});
afterAll(() => simulator.close());

test('the objects are the ones the SDK is typed for', () => {
  const fits: [
    PaymentIntentObject['status'] extends Stripe.PaymentIntent['status'] ? true : false,
    keyof PaymentIntentObject extends keyof Stripe.PaymentIntent ? true : false,
    keyof ChargeObject extends keyof Stripe.Charge ? true : false,
    keyof RefundObject extends keyof Stripe.Refund ? true : false,
    keyof EventObject extends keyof Stripe.Event ? true : false,
  ] = [true, true, true, true, true];
  expect(fits).not.toContain(false);
});

test('created, confirmed with a card, succeeded: charged once', async () => {
  const { stripe } = simulator;
  const created = await stripe.paymentIntents.create({ ...ORDER, metadata: { checkout_id: 'c1' } });
  expect(created).toMatchObject({
    object: 'payment_intent',
    status: 'requires_payment_method',
    amount: 2_500,
    capture_method: 'automatic_async',
    livemode: false,
    metadata: { checkout_id: 'c1' },
    payment_method_types: ['card'],
  });
  expect(created.client_secret).toMatch(new RegExp(`^${created.id}_secret_`));
  const paid = await stripe.paymentIntents.confirm(created.id, { payment_method: 'pm_card_visa' });
  expect(paid).toMatchObject({ status: 'succeeded', amount_received: 2_500, last_payment_error: null });
  expect(await simulator.ledgerOf(created.id)).toMatchObject({
    status: 'succeeded',
    captured: 2_500,
    refunded: 0,
    captures: [{ amount: 2_500 }],
    transitions: [{ to: 'requires_payment_method' }, { to: 'succeeded' }],
  });
  expect((await simulator.eventsOf(created.id)).slice(0, 3)).toEqual([
    'payment_intent.created',
    'charge.succeeded',
    'payment_intent.succeeded',
  ]);
});

test('the balance transaction comes later than the success, in charge.updated', async () => {
  const { stripe } = simulator;
  const paid = await simulator.pay();
  const event = async (type: string) =>
    (await stripe.events.list({ type })).data.find(
      ({ data: { object } }) => 'payment_intent' in object && object.payment_intent === paid.id,
    );
  expect((await event('charge.succeeded'))?.data.object).toMatchObject({ balance_transaction: null });
  await simulator.control('POST', 'clock', { advance_seconds: 1 });
  expect(await event('charge.updated')).toMatchObject({
    request: { id: null },
    data: {
      object: { balance_transaction: expect.stringMatching(/^txn_/) },
      previous_attributes: { balance_transaction: null },
    },
  });
  const settled = await stripe.charges.retrieve(chargeOf(paid));
  expect(settled.balance_transaction).toMatch(/^txn_/);
  const now = await simulator.pay('pm_card_visa', { capture_method: 'automatic' });
  expect(await stripe.charges.retrieve(chargeOf(now))).toMatchObject({
    balance_transaction: expect.stringMatching(/^txn_/),
  });
});

test('latest_charge is an id, or the charge when expanded', async () => {
  const paid = await simulator.pay();
  expect(paid.latest_charge).toMatch(/^ch_/);
  const expanded = await simulator.stripe.paymentIntents.retrieve(paid.id, { expand: ['latest_charge'] });
  expect(expanded.latest_charge).toMatchObject({
    id: paid.latest_charge,
    captured: true,
    payment_intent: paid.id,
  });
  const list = await simulator.stripe.paymentIntents.list({ limit: 1, expand: ['data.latest_charge'] });
  expect(list.data[0]?.latest_charge).toMatchObject({ id: paid.latest_charge });
  const wrong = await rejection(simulator.stripe.paymentIntents.retrieve(paid.id, { expand: ['nonsense'] }));
  expect(wrong.message).toContain('cannot be expanded');
});

test('manual capture holds the money, captures part of it and lets the rest go', async () => {
  const held = await simulator.pay('pm_card_visa', { capture_method: 'manual' });
  expect(held).toMatchObject({ status: 'requires_capture', amount_capturable: 2_500, amount_received: 0 });
  expect((await simulator.ledgerOf(held.id)).captured).toBe(0);
  const tooMuch = await rejection(
    simulator.stripe.paymentIntents.capture(held.id, { amount_to_capture: 2_501 }),
  );
  expect(tooMuch).toMatchObject({ statusCode: 400, param: 'amount_to_capture' });
  const captured = await simulator.stripe.paymentIntents.capture(held.id, { amount_to_capture: 2_000 });
  expect(captured).toMatchObject({ status: 'succeeded', amount_received: 2_000, amount_capturable: 0 });
  expect((await simulator.ledgerOf(held.id)).captured).toBe(2_000);
  expect(await simulator.eventsOf(held.id)).toContain('payment_intent.amount_capturable_updated');
  const again = await rejection(simulator.stripe.paymentIntents.capture(held.id));
  expect(again).toMatchObject({
    statusCode: 400,
    code: 'payment_intent_unexpected_state',
    message: 'This PaymentIntent could not be captured because it has already been captured.',
    payment_intent: { id: held.id, status: 'succeeded' },
  });
});

test('cancelling an authorisation is free and makes no refund', async () => {
  const held = await simulator.pay('pm_card_visa', { capture_method: 'manual' });
  const canceled = await simulator.stripe.paymentIntents.cancel(held.id, {
    cancellation_reason: 'abandoned',
  });
  expect(canceled).toMatchObject({
    status: 'canceled',
    cancellation_reason: 'abandoned',
    amount_capturable: 0,
  });
  expect(canceled.canceled_at).toEqual(expect.any(Number));
  expect((await simulator.stripe.refunds.list({ payment_intent: held.id })).data).toEqual([]);
  expect(await simulator.eventsOf(held.id)).not.toContain('charge.refunded');
  const charge = await simulator.stripe.charges.retrieve(chargeOf(held));
  expect(charge).toMatchObject({ amount_refunded: 0, refunded: false, captured: false });
});

test('cancel after success is refused in the recorded words, with the whole PaymentIntent', async () => {
  const paid = await simulator.pay();
  const refused = await rejection(simulator.stripe.paymentIntents.cancel(paid.id));
  expect(refused).toMatchObject({
    type: 'StripeInvalidRequestError',
    statusCode: 400,
    code: 'payment_intent_unexpected_state',
    message:
      'You cannot cancel this PaymentIntent because it has a status of succeeded. Only a PaymentIntent with one of the following statuses may be canceled: requires_payment_method, requires_capture, requires_confirmation, requires_action, processing.',
    payment_intent: { id: paid.id, status: 'succeeded', amount_received: 2_500 },
  });
});

test('cancel is not idempotent by itself: the second one is refused', async () => {
  const { id } = await simulator.stripe.paymentIntents.create(ORDER);
  await simulator.stripe.paymentIntents.cancel(id);
  const refused = await rejection(simulator.stripe.paymentIntents.cancel(id));
  expect(refused.message).toContain('because it has a status of canceled');
  const late = await rejection(
    simulator.stripe.paymentIntents.confirm(id, { payment_method: 'pm_card_visa' }),
  );
  expect(late.message).toContain('payment_method could not be updated because it has a status of canceled');
  expect((await simulator.ledgerOf(id)).captured).toBe(0);
});

test('confirm after success is refused and charges nothing', async () => {
  const paid = await simulator.pay();
  const refused = await rejection(
    simulator.stripe.paymentIntents.confirm(paid.id, { payment_method: 'pm_card_visa' }),
  );
  expect(refused).toMatchObject({ statusCode: 400, code: 'payment_intent_unexpected_state' });
  expect(refused.message).toContain('already succeeded after being previously confirmed');
  expect((await simulator.ledgerOf(paid.id)).captures).toHaveLength(1);
});

test('an authorisation expires after seven days on the simulator clock', async () => {
  const held = await simulator.pay('pm_card_visa', { capture_method: 'manual' });
  await simulator.control('POST', 'clock', { advance_seconds: 7 * 86_400 - 60 });
  expect((await simulator.stripe.paymentIntents.retrieve(held.id)).status).toBe('requires_capture');
  await simulator.control('POST', 'clock', { advance_seconds: 60 });
  const expired = await simulator.stripe.paymentIntents.retrieve(held.id);
  expect(expired).toMatchObject({ status: 'canceled', cancellation_reason: 'expired' });
  expect(await simulator.eventsOf(held.id)).toEqual(
    expect.arrayContaining(['charge.expired', 'payment_intent.canceled']),
  );
});

test('a bank debit is processing until the bank settles it, and refuses to be cancelled meanwhile', async () => {
  const bank = { allowed_payment_method_types: ['us_bank_account'] };
  const paying = await simulator.pay('pm_usBankAccount_success', bank);
  expect(paying.status).toBe('processing');
  const refused = await rejection(simulator.stripe.paymentIntents.cancel(paying.id));
  expect(refused).toMatchObject({
    code: 'payment_intent_unexpected_state',
    payment_intent: { status: 'processing' },
  });
  await simulator.control('POST', `payment_intents/${paying.id}/settle_processing`);
  expect(await simulator.ledgerOf(paying.id)).toMatchObject({ status: 'succeeded', captured: 2_500 });

  const failing = await simulator.pay('pm_usBankAccount_success', bank);
  await simulator.control('POST', `payment_intents/${failing.id}/fail_processing`);
  const failed = await simulator.stripe.paymentIntents.retrieve(failing.id);
  expect(failed).toMatchObject({ status: 'requires_payment_method', amount_received: 0 });
  expect(await simulator.eventsOf(failing.id)).toEqual(
    expect.arrayContaining(['payment_intent.processing', 'charge.failed', 'payment_intent.payment_failed']),
  );
});

test('an update merges metadata and is refused once money is in', async () => {
  const { stripe } = simulator;
  const { id } = await stripe.paymentIntents.create({ ...ORDER, metadata: { a: '1', b: '2' } });
  const updated = await stripe.paymentIntents.update(id, { amount: 3_000, metadata: { b: '', c: '3' } });
  expect(updated).toMatchObject({ amount: 3_000, metadata: { a: '1', c: '3' } });
  expect(updated.metadata).not.toHaveProperty('b');
  await stripe.paymentIntents.confirm(id, { payment_method: 'pm_card_visa' });
  const refused = await rejection(stripe.paymentIntents.update(id, { amount: 1 }));
  expect(refused.message).toContain('amount could not be updated because it has a status of succeeded');
  expect((await stripe.paymentIntents.update(id, { metadata: { d: '4' } })).metadata).toMatchObject({
    d: '4',
  });
});

test('lists go backwards in time and page with cursors', async () => {
  const { stripe } = simulator;
  const ids = [];
  for (let i = 0; i < 5; i += 1) ids.push((await stripe.paymentIntents.create(ORDER)).id);
  const newest = ids.toReversed();
  const first = await stripe.paymentIntents.list({ limit: 2 });
  expect(first).toMatchObject({ object: 'list', has_more: true, url: '/v1/payment_intents' });
  expect(first.data.map(({ id }) => id)).toEqual(newest.slice(0, 2));
  const second = await stripe.paymentIntents.list({ limit: 2, starting_after: newest[1] ?? '' });
  expect(second.data.map(({ id }) => id)).toEqual(newest.slice(2, 4));
  const back = await stripe.paymentIntents.list({ limit: 2, ending_before: newest[3] ?? '' });
  expect(back.data.map(({ id }) => id)).toEqual(newest.slice(1, 3));
  const all = [];
  for await (const { id } of stripe.paymentIntents.list({ limit: 3 })) all.push(id);
  expect(all.slice(0, 5)).toEqual(newest);
  const future = await stripe.paymentIntents.list({
    created: { gt: Math.floor(Date.now() / 1000) + 30 * 86_400 },
  });
  expect(future.data).toEqual([]);
});

test('the account has an id that stays', async () => {
  const account = await simulator.stripe.accounts.retrieveCurrent();
  expect(account.id).toMatch(/^acct_/);
  expect((await sdk(simulator.port).accounts.retrieveCurrent()).id).toBe(account.id);
});

test('every page says that no real money moves', async () => {
  const page = await (await fetch(simulator.url)).text();
  expect(page).toContain('Stripe simulator — no real money');
  expect(page).toContain('/_simulator/ledger');
});
