// Refunds and disputes: the money rules, and outcomes that come late.

import { until } from '../support/until';
import { chargeOf, ORDER, rejection, startTestSimulator } from './support';
import type { TestSimulator } from './support';

let simulator: TestSimulator;
beforeAll(async () => {
  simulator = await startTestSimulator();
});
afterAll(() => simulator.close());

test('a refund gives back what is left, once', async () => {
  const { stripe } = simulator;
  const paid = await simulator.pay();
  const refund = await stripe.refunds.create({
    payment_intent: paid.id,
    metadata: { request_key: 'late:1' },
  });
  expect(refund).toMatchObject({
    object: 'refund',
    amount: 2_500,
    status: 'succeeded',
    payment_intent: paid.id,
    charge: paid.latest_charge,
    metadata: { request_key: 'late:1' },
  });
  const again = await rejection(stripe.refunds.create({ payment_intent: paid.id }));
  expect(again).toMatchObject({ statusCode: 400, code: 'charge_already_refunded' });
  expect(await simulator.ledgerOf(paid.id)).toMatchObject({
    captured: 2_500,
    refunded: 2_500,
    status: 'succeeded',
  });
  expect(await simulator.eventsOf(paid.id)).toEqual(
    expect.arrayContaining(['charge.refunded', 'refund.created']),
  );
});

test('partial refunds add up and never exceed what was captured', async () => {
  const { stripe } = simulator;
  const paid = await simulator.pay();
  await stripe.refunds.create({ payment_intent: paid.id, amount: 1_000 });
  await stripe.refunds.create({ charge: chargeOf(paid), amount: 1_000 });
  const tooMuch = await rejection(stripe.refunds.create({ payment_intent: paid.id, amount: 501 }));
  expect(tooMuch.message).toContain('greater than unrefunded amount');
  expect((await simulator.ledgerOf(paid.id)).refunded).toBe(2_000);
  const { data } = await stripe.refunds.list({ payment_intent: paid.id });
  expect(data.map(({ amount }) => amount)).toEqual([1_000, 1_000]);
  const charge = await stripe.charges.retrieve(chargeOf(paid));
  expect(charge).toMatchObject({ amount_refunded: 2_000, refunded: false });
});

test('money that was never taken cannot be refunded', async () => {
  const { stripe } = simulator;
  const held = await simulator.pay('pm_card_visa', { capture_method: 'manual' });
  const open = await stripe.paymentIntents.create(ORDER);
  for (const { id } of [held, open]) {
    const error = await rejection(stripe.refunds.create({ payment_intent: id }));
    expect(error).toMatchObject({ statusCode: 400, payment_intent: { id } });
    expect((await simulator.ledgerOf(id)).refunded).toBe(0);
  }
});

test('a pending refund succeeds later, or fails and the money is back', async () => {
  const { stripe } = simulator;
  const first = await simulator.pay('pm_card_pendingRefund');
  const pending = await stripe.refunds.create({ payment_intent: first.id });
  expect(pending.status).toBe('pending');
  await simulator.control('POST', 'clock', { advance_seconds: 5 });
  expect((await stripe.refunds.retrieve(pending.id)).status).toBe('succeeded');

  const second = await simulator.pay('pm_card_pendingRefund');
  const failing = await stripe.refunds.create({ payment_intent: second.id });
  await simulator.control('POST', `refunds/${failing.id}/fail`);
  expect(await stripe.refunds.retrieve(failing.id)).toMatchObject({
    status: 'failed',
    failure_reason: 'expired_or_canceled_card',
  });
  expect((await simulator.ledgerOf(second.id)).refunded).toBe(0);
  expect(await simulator.eventsOf(second.id)).toEqual(
    expect.arrayContaining(['refund.updated', 'refund.failed']),
  );
  const again = await simulator.control('POST', `refunds/${failing.id}/fail`);
  expect(again.error).toMatchObject({ code: 'simulator_wrong_state' });
  expect((await stripe.refunds.create({ payment_intent: second.id })).amount).toBe(2_500);
});

test('the refund of pm_card_refundFail fails by itself after it succeeded', async () => {
  const paid = await simulator.pay('pm_card_refundFail');
  const refund = await simulator.stripe.refunds.create({ payment_intent: paid.id });
  expect(refund.status).toBe('succeeded');
  await simulator.control('POST', 'clock', { advance_seconds: 5 });
  await until('the refund to fail', async () => {
    const { status } = await simulator.stripe.refunds.retrieve(refund.id);
    return status === 'failed';
  });
});

test('a disputed charge cannot be refunded as well', async () => {
  const { stripe } = simulator;
  const paid = await simulator.pay('pm_card_createDispute');
  expect(await simulator.eventsOf(paid.id)).toContain('charge.dispute.created');
  const error = await rejection(stripe.refunds.create({ payment_intent: paid.id }));
  expect(error.code).toBe('charge_disputed');
  const { data } = await stripe.disputes.list({ payment_intent: paid.id });
  expect(data).toMatchObject([{ amount: 2_500, status: 'needs_response', charge: paid.latest_charge }]);
});
