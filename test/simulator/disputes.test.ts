// Disputes from opening to verdict, and the early warning before them.

import { chargeOf, ORDER, rejection, startTestSimulator } from './support';
import type { TestSimulator } from './support';

let simulator: TestSimulator;
beforeAll(async () => {
  simulator = await startTestSimulator();
});
afterAll(() => simulator.close());

async function disputed() {
  const paid = await simulator.pay('pm_card_createDispute');
  const [dispute] = (await simulator.stripe.disputes.list({ payment_intent: paid.id })).data;
  if (!dispute) throw new Error('no dispute');
  return { paid, dispute };
}

test('a lost dispute keeps the money gone and the charge beyond refund', async () => {
  const { paid, dispute } = await disputed();
  await simulator.control('POST', `disputes/${dispute.id}/lose`);
  expect((await simulator.stripe.disputes.retrieve(dispute.id)).status).toBe('lost');
  const events = await simulator.eventsOf(paid.id);
  expect(events).toEqual(
    expect.arrayContaining([
      'charge.dispute.created',
      'charge.dispute.funds_withdrawn',
      'charge.dispute.closed',
    ]),
  );
  expect(events).not.toContain('charge.dispute.funds_reinstated');
  const refund = await rejection(simulator.stripe.refunds.create({ payment_intent: paid.id }));
  expect(refund.code).toBe('charge_disputed');
  const again = await simulator.control('POST', `disputes/${dispute.id}/win`);
  expect(again.error).toMatchObject({ code: 'simulator_wrong_state' });
});

test('a won dispute brings the money back, and the charge can be refunded once more', async () => {
  const { paid, dispute } = await disputed();
  await simulator.control('POST', `disputes/${dispute.id}/win`);
  expect(await simulator.stripe.disputes.retrieve(dispute.id)).toMatchObject({
    status: 'won',
    is_charge_refundable: true,
  });
  expect((await simulator.eventsOf(paid.id)).slice(-2)).toEqual([
    'charge.dispute.funds_reinstated',
    'charge.dispute.closed',
  ]);
  expect((await simulator.stripe.charges.retrieve(chargeOf(paid))).disputed).toBe(true);
  await simulator.stripe.refunds.create({ payment_intent: paid.id });
  expect((await simulator.ledgerOf(paid.id)).refunded).toBe(2_500);
});

test.each([
  ['winning_evidence', 'won'],
  ['losing_evidence', 'lost'],
])('the test text %s is %s a little later', async (text, verdict) => {
  const { dispute } = await disputed();
  const answered = await simulator.stripe.disputes.update(dispute.id, {
    evidence: { uncategorized_text: text },
  });
  expect(answered.status).toBe('under_review');
  await simulator.control('POST', 'clock', { advance_seconds: 5 });
  expect((await simulator.stripe.disputes.retrieve(dispute.id)).status).toBe(verdict);
});

test('a dispute that is accepted is lost at once, and cannot be answered any more', async () => {
  const { dispute } = await disputed();
  expect((await simulator.stripe.disputes.close(dispute.id)).status).toBe('lost');
  const late = await rejection(
    simulator.stripe.disputes.update(dispute.id, { evidence: { uncategorized_text: 'winning_evidence' } }),
  );
  expect(late.statusCode).toBe(400);
  expect((await rejection(simulator.stripe.disputes.close(dispute.id))).statusCode).toBe(400);
});

test('the bank may dispute any payment, weeks later', async () => {
  const paid = await simulator.pay();
  await simulator.control('POST', 'clock', { advance_seconds: 40 * 86_400 });
  await simulator.control('POST', `payment_intents/${paid.id}/dispute`);
  const [dispute] = (await simulator.stripe.disputes.list({ payment_intent: paid.id })).data;
  expect(dispute).toMatchObject({ amount: 2_500, status: 'needs_response' });
  const open = await simulator.stripe.paymentIntents.create(ORDER);
  const refused = await simulator.control('POST', `payment_intents/${open.id}/dispute`);
  expect(refused.error).toMatchObject({ code: 'simulator_wrong_state' });
});

test('an early fraud warning names charge and payment, and takes no money', async () => {
  const paid = await simulator.pay('pm_card_createIssuerFraudRecord');
  const [event] = (await simulator.stripe.events.list({ type: 'radar.early_fraud_warning.created' })).data;
  expect(event?.data.object).toMatchObject({
    object: 'radar.early_fraud_warning',
    charge: paid.latest_charge,
    payment_intent: paid.id,
  });
  expect(await simulator.ledgerOf(paid.id)).toMatchObject({ captured: 2_500, refunded: 0 });
});
