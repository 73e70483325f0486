// What is read from an event, and what is kept of it.
import {
  envelopeOf,
  kindOf,
  paymentEventOf,
  readEvent,
  UnreadableEventError,
} from '../../contracts/stripe-event';

const CHECKOUT = '0f9a1c9e-1111-8111-8111-00000000000a';

function eventOf(type: string, object: Record<string, unknown>) {
  return {
    id: 'evt_1',
    object: 'event',
    api_version: '2026-10-28',
    type,
    livemode: false,
    created: 1_800_000_000,
    data: { object },
  };
}

const paymentIntent = {
  id: 'pi_1',
  object: 'payment_intent',
  amount: 4200,
  amount_received: 4200,
  amount_capturable: 0,
  currency: 'usd',
  client_secret: 'pi_1_secret_hunter2',
  metadata: { holdfast_env: 'env1', checkout_id: CHECKOUT.toUpperCase() },
};

describe('readEvent', () => {
  test('reads a PaymentIntent event by its own id and metadata', () => {
    expect(readEvent(eventOf('payment_intent.succeeded', paymentIntent))).toMatchObject({
      eventId: 'evt_1',
      paymentIntentId: 'pi_1',
      holdfastEnv: 'env1',
      checkoutId: CHECKOUT,
      createdUnixSeconds: 1_800_000_000,
    });
  });

  test('reads the PaymentIntent that a refund points to', () => {
    const refund = { id: 're_1', object: 'refund', payment_intent: 'pi_1', metadata: {} };
    expect(readEvent(eventOf('refund.updated', refund))).toMatchObject({
      paymentIntentId: 'pi_1',
      holdfastEnv: null,
      checkoutId: null,
    });
  });

  test('keeps no client secret, at any depth, and nothing that jsonb refuses', () => {
    const { payload } = readEvent(
      eventOf('charge.updated', { object: 'charge', payment_intent: paymentIntent, note: 'a\0b\ud800c' }),
    );
    const text = JSON.stringify(payload);
    expect(text).not.toContain('hunter2');
    expect(text).not.toContain('client_secret');
    expect(text).not.toMatch(/\\u0000|\\ud800/);
  });

  test('takes a checkout id that is no UUID for none', () => {
    const object = { ...paymentIntent, metadata: { holdfast_env: 'env1', checkout_id: "'; drop table" } };
    expect(readEvent(eventOf('payment_intent.succeeded', object)).checkoutId).toBeNull();
  });

  test.each([
    [null],
    ['text'],
    [{}],
    [{ ...eventOf('x', {}), id: 7 }],
    [{ ...eventOf('x', {}), data: {} }],
    [[]],
  ])('refuses %j', (body) => {
    expect(() => readEvent(body)).toThrow(UnreadableEventError);
  });
});

describe('envelopeOf', () => {
  test('keeps of a foreign event only that it came and about what', () => {
    const event = readEvent(
      eventOf('payment_intent.succeeded', { ...paymentIntent, receipt_email: 'a@b.example' }),
    );
    expect(envelopeOf(event)).toMatchObject({
      id: 'evt_1',
      data: { object: { id: 'pi_1', object: 'payment_intent' } },
    });
    expect(JSON.stringify(envelopeOf(event))).not.toMatch(/receipt_email|metadata/);
  });
});

describe('kindOf', () => {
  test.each([
    ['payment_intent.succeeded', 'signalled'],
    ['payment_intent.payment_failed', 'signalled'],
    ['payment_intent.created', 'other'],
    ['payment_intent.requires_action', 'other'],
    ['refund.failed', 'settlement'],
    ['charge.refunded', 'settlement'],
    ['charge.dispute.created', 'settlement'],
    ['charge.succeeded', 'other'],
  ])('%s is %s', (type, kind) => {
    expect(kindOf(type)).toBe(kind);
  });
});

describe('paymentEventOf', () => {
  const failed = (last_payment_error: unknown) =>
    paymentEventOf(
      readEvent(eventOf('payment_intent.payment_failed', { ...paymentIntent, last_payment_error })),
    );

  test('carries the amounts a saga judges by', () => {
    expect(paymentEventOf(readEvent(eventOf('payment_intent.succeeded', paymentIntent)))).toEqual({
      eventId: 'evt_1',
      type: 'payment_intent.succeeded',
      paymentIntentId: 'pi_1',
      currency: 'usd',
      amountReceivedMinor: 4200,
      amountCapturableMinor: 0,
      attempt: null,
    });
  });

  test.each([
    ['the charge', { code: 'card_declined', charge: 'ch_1', payment_method: { id: 'pm_1' } }, 'ch_1'],
    ['else the payment method', { code: 'card_declined', payment_method: { id: 'pm_1' } }, 'pm_1'],
    ['else the event', { code: 'card_declined' }, 'evt_1'],
    ['else the event, without an error', null, 'evt_1'],
  ])('names an attempt by %s', (_what, error, id) => {
    expect(failed(error).attempt?.id).toBe(id);
  });

  test('carries codes of the decline, and no message', () => {
    const error = {
      code: 'card_declined',
      decline_code: 'lost_card',
      advice_code: 'do_not_try_again',
      message: 'x',
    };
    expect(failed(error).attempt).toEqual({
      id: 'evt_1',
      code: 'card_declined',
      declineCode: 'lost_card',
      adviceCode: 'do_not_try_again',
    });
  });

  test('refuses an object that is no PaymentIntent', () => {
    expect(() => paymentEventOf(readEvent(eventOf('payment_intent.succeeded', { id: 'pi_1' })))).toThrow(
      UnreadableEventError,
    );
  });
});
