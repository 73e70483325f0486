// Refunds and disputes: never more than was taken, and not always final.
import type Stripe from 'stripe';
import { claims } from '../claim';
import { aNumber, check, refused } from '../check';
import type { Conversation } from '../conversation';

const BAD = { status: 400, type: 'invalid_request_error' };

const refund = (talk: Conversation, params: Stripe.RefundCreateParams) =>
  talk.stripe.refunds.create(params, { idempotencyKey: talk.newKey() });

const statusOf = async (talk: Conversation, id: string) => (await talk.stripe.refunds.retrieve(id)).status;

export const MONEY_BACK = claims('back', {
  'a refund gives all of it back, once': async (talk) => {
    const { id, latest_charge: charge } = await talk.pay('pm_card_visa');
    const made = await refund(talk, { payment_intent: id, metadata: { request_key: 'r1' } });
    check('the refund', made, {
      object: 'refund',
      amount: 100,
      status: 'succeeded',
      payment_intent: id,
      charge,
      metadata: { request_key: 'r1' },
    });
    await refused('a second one', refund(talk, { payment_intent: id }), {
      ...BAD,
      code: 'charge_already_refunded',
    });
    check('the status', (await talk.stripe.paymentIntents.retrieve(id)).status, 'succeeded');
  },
  'partial refunds add up, and never exceed what was taken': async (talk) => {
    const { id } = await talk.pay('pm_card_visa');
    for (const amount of [30, 30]) await refund(talk, { payment_intent: id, amount });
    await refused('too much', refund(talk, { payment_intent: id, amount: 41 }), BAD);
    const { data } = await talk.stripe.refunds.list({ payment_intent: id });
    check(
      'the refunds',
      data.map(({ amount }) => amount),
      [30, 30],
    );
    const [charge] = (await talk.stripe.charges.list({ payment_intent: id })).data;
    check('the charge', charge, { amount_refunded: 60, refunded: false });
  },
  'what was never taken cannot be refunded': async (talk) => {
    const held = await talk.pay('pm_card_visa', { capture_method: 'manual' });
    const open = await talk.intent();
    for (const { id } of [held, open]) {
      await refused('the refund', refund(talk, { payment_intent: id }), BAD);
      check('the refunds', (await talk.stripe.refunds.list({ payment_intent: id })).data, []);
    }
  },
  'a refund may be pending first, and succeed later': async (talk) => {
    const { id } = await talk.pay('pm_card_pendingRefund');
    const made = await refund(talk, { payment_intent: id });
    check('the refund', made.status, 'pending');
    await talk.eventually(
      'the refund to succeed',
      async () => (await statusOf(talk, made.id)) === 'succeeded',
    );
  },
  'a refund may fail after it succeeded': async (talk) => {
    const { id } = await talk.pay('pm_card_refundFail');
    const made = await refund(talk, { payment_intent: id });
    check('the refund', made.status, 'succeeded');
    await talk.eventually('the refund to fail', async () => (await statusOf(talk, made.id)) === 'failed');
  },
  'a disputed charge cannot be refunded; a won dispute is closed': async (talk) => {
    const { id } = await talk.pay('pm_card_createDispute');
    const dispute = await talk.eventually('the dispute', async () => {
      const { data } = await talk.stripe.disputes.list({ payment_intent: id });
      return data[0];
    });
    check('the dispute', dispute, { amount: 100, status: 'needs_response', created: aNumber });
    await refused('the refund', refund(talk, { payment_intent: id }), { ...BAD, code: 'charge_disputed' });
    await talk.stripe.disputes.update(dispute.id, {
      evidence: { uncategorized_text: 'winning_evidence' },
      submit: true,
    });
    await talk.eventually('the verdict', async () => {
      const { status } = await talk.stripe.disputes.retrieve(dispute.id);
      return status === 'won';
    });
  },
  'a dispute that is answered badly is lost': async (talk) => {
    const { id } = await talk.pay('pm_card_createDispute');
    const dispute = await talk.eventually('the dispute', async () => {
      const { data } = await talk.stripe.disputes.list({ payment_intent: id });
      return data[0];
    });
    await talk.stripe.disputes.close(dispute.id);
    await talk.eventually('the verdict', async () => {
      const { status } = await talk.stripe.disputes.retrieve(dispute.id);
      return status === 'lost';
    });
  },
});
