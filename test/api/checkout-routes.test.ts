// The buyer's own checkout over HTTP: tokens, what is shown, when it can be paid, and giving it up.
import { randomUUID } from 'node:crypto';

import { checkoutWorkflowId, settlementWorkflowId } from '../../contracts/ids';
import { bindPaymentIntent, openCheckout, recordDecline, releaseCheckout } from '../../db/checkouts';
import { DEMO_PRODUCTS } from '../../db/seed';
import { checkoutToken } from '../../platform/tokens';
import { ageCheckout } from '../support/database';
import { BareApi, TOKEN_SECRET } from './bare-api';
import { connectIdleTemporal } from './temporal';
import type { IdleTemporal } from './temporal';

let api: BareApi;
let temporal: IdleTemporal;

beforeAll(async () => {
  temporal = await connectIdleTemporal();
  api = await BareApi.open({ deps: { temporalClient: temporal.client } });
});

afterAll(async () => {
  await api.close();
  await temporal.close();
});

interface Opened {
  id: string;
  token: string;
  paymentIntentId: string;
}

/** A checkout as the saga leaves it when it waits for the payment; no run stands behind it. */
async function openBound(): Promise<Opened> {
  const id = randomUUID();
  await openCheckout(api.database.pool, {
    checkoutId: id,
    requestFingerprint: 'f',
    customerId: null,
    lines: [{ dropProductId: DEMO_PRODUCTS.poster.id, quantity: 2 }],
    windowSeconds: 300,
    reclaimGraceSeconds: 600,
    paymentAttemptsMax: 3,
  });
  await bindPaymentIntent(api.database.pool, { checkoutId: id, paymentIntentId: `pi_${id}` });
  return { id, token: checkoutToken(TOKEN_SECRET, id), paymentIntentId: `pi_${id}` };
}

const close = (id: string, status: 'expired' | 'canceled') =>
  releaseCheckout(api.database.pool, { checkoutId: id, status, failureCode: null, eventIds: [] });

describe('GET /api/checkouts/:id', () => {
  test('shows the checkout to whoever has its token, in whatever case the id is', async () => {
    const { id, token, paymentIntentId } = await openBound();
    const answer = await api.get(`/api/checkouts/${id.toUpperCase()}`, token);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.body).toEqual({
      checkout_id: id,
      status: 'awaiting_payment',
      failure_code: null,
      message: expect.stringContaining('Please pay'),
      payment_intent_id: paymentIntentId,
      reservation_ids: [expect.any(String)],
      items: [{ drop_product_id: DEMO_PRODUCTS.poster.id, quantity: 2 }],
      amount: 3_000,
      currency: 'usd',
      expires_at: expect.any(String),
      seconds_left: expect.any(Number),
      is_payable: true,
      attempts: 0,
      last_decline: null,
      order_id: null,
      refund: null,
    });
    expect(answer.body['seconds_left']).toBeGreaterThan(290);
  });

  test('an unknown id, a wrong token, no token and no id get one and the same answer', async () => {
    const { id, token } = await openBound();
    const other = await openBound();
    const unknown = randomUUID();
    const answers = [
      await api.get(`/api/checkouts/${unknown}`, token),
      await api.get(`/api/checkouts/${unknown}`, checkoutToken(TOKEN_SECRET, unknown)),
      await api.get(`/api/checkouts/${id}`, other.token),
      await api.get(`/api/checkouts/${id}`, `${token}x`),
      await api.get(`/api/checkouts/${id}`),
      await api.get('/api/checkouts/order-7', token),
      await api.get(`/api/checkouts/${id}/payment`, other.token),
      await api.post(`/api/checkouts/${id}/cancel`, other.token),
    ];
    for (const answer of answers) {
      expect(answer.status).toBe(404);
      expect(answer.body).toEqual(answers[0]?.body);
    }
  });

  test('tells the last decline in words a buyer may read, never why the bank suspects the card', async () => {
    const { id, token } = await openBound();
    const attempt = { id: 'ch_1', code: 'card_declined', declineCode: 'stolen_card', adviceCode: null };
    await recordDecline(api.database.pool, { checkoutId: id, eventId: 'evt_1', attempt });
    const { body } = await api.get(`/api/checkouts/${id}`, token);
    expect(body).toMatchObject({ attempts: 1, last_decline: { code: 'card_declined' } });
    expect(JSON.stringify(body)).not.toContain('stolen');
  });
});

describe('GET /api/checkouts/:id/payment', () => {
  test.each([
    ['whose deadline has passed', (id: string) => ageCheckout(api.database.pool, id, 301)],
    ['that is closed', (id: string) => close(id, 'expired')],
  ])('a checkout %s is not payable', async (_what, end) => {
    const { id, token } = await openBound();
    await end(id);
    expect(await api.get(`/api/checkouts/${id}/payment`, token)).toMatchObject({
      status: 409,
      body: { code: 'checkout_not_payable', retry: 'no' },
    });
  });

  test('says so when Stripe cannot be read, and may be asked again', async () => {
    const { id, token } = await openBound();
    expect(await api.get(`/api/checkouts/${id}/payment`, token)).toMatchObject({
      status: 503,
      body: { code: 'service_unavailable', retry: 'same_key' },
    });
  });
});

describe('POST /api/checkouts/:id/cancel', () => {
  test('signals the running checkout and answers its status', async () => {
    const { id, token } = await openBound();
    await temporal.startIdleRun(id);
    const answer = await api.post(`/api/checkouts/${id}/cancel`, token);
    expect(answer).toMatchObject({ status: 202, body: { checkout_id: id, status: 'awaiting_payment' } });
    expect(await temporal.signalsOf(checkoutWorkflowId(id))).toEqual(['cancel']);
  });

  test('starts settlement when the run is gone', async () => {
    const { id, token } = await openBound();
    expect(await api.post(`/api/checkouts/${id}/cancel`, token)).toMatchObject({ status: 202 });
    expect(await temporal.signalsOf(settlementWorkflowId(id))).toEqual(['settle']);
  });

  test('answers 202 again once it is canceled, 409 once it ended otherwise', async () => {
    const canceled = await openBound();
    await close(canceled.id, 'canceled');
    expect(await api.post(`/api/checkouts/${canceled.id}/cancel`, canceled.token)).toMatchObject({
      status: 202,
      body: { status: 'canceled' },
    });
    const expired = await openBound();
    await close(expired.id, 'expired');
    expect(await api.post(`/api/checkouts/${expired.id}/cancel`, expired.token)).toMatchObject({
      status: 409,
      body: { code: 'checkout_closed', checkout_status: 'expired', order_id: null },
    });
  });
});
