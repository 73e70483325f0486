// Stripe's webhook at the door: what is refused, what is stored and left at that, and what an outage does.
import { BareApi, NOTHING_WRITTEN } from './bare-api';
import type { Answer } from './bare-api';
import { deliver, deliverBytes, eventFor, NEW_SECRET, now, storedRow, webhooks } from './deliveries';
import type { EventOptions } from './deliveries';

describe('at the door', () => {
  let api: BareApi;

  beforeAll(async () => {
    api = await BareApi.open();
  });

  afterAll(() => api.close());

  afterEach(async () => {
    expect(await api.rowCounts()).toEqual(NOTHING_WRITTEN);
  });

  test.each<[string, (event: unknown) => Promise<Answer>]>([
    ['a forged event', (event) => deliver(api, event, 'whsec_of_somebody_else')],
    ['a stale event', (event) => deliver(api, event, NEW_SECRET, now() - 310)],
    ['an event from the future', (event) => deliver(api, event, NEW_SECRET, now() + 310)],
    [
      'a re-serialised event',
      (event) => {
        const payload = JSON.stringify(event, null, 2);
        const signature = webhooks.generateTestHeaderString({ payload, secret: NEW_SECRET });
        return deliverBytes(api, JSON.stringify(event), signature);
      },
    ],
    ['an unsigned event', (event) => deliverBytes(api, JSON.stringify(event))],
  ])('%s is refused and leaves nothing', async (_what, send) => {
    const answer = await send(eventFor(api));
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_signature', retry: 'no' } });
  });

  test('signed bytes that are no event are malformed and leave nothing', async () => {
    expect(await deliver(api, { hello: 'world' })).toMatchObject({
      status: 400,
      body: { code: 'malformed_request' },
    });
    expect(
      await deliver(api, eventFor(api, { object: { object: 'payment_intent', metadata: 7 } })),
    ).toMatchObject({
      status: 400,
    });
  });

  test('a body over 256 kB is too large', async () => {
    const answer = await deliver(api, { padding: 'x'.repeat(300_000) });
    expect(answer).toMatchObject({ status: 413, body: { code: 'payload_too_large' } });
  });
});

describe('events that concern no checkout of ours', () => {
  let api: BareApi;

  beforeAll(async () => {
    api = await BareApi.open();
  });

  afterAll(() => api.close());

  const refund = {
    id: 're_1',
    object: 'refund',
    payment_intent: 'pi_of_somebody',
    metadata: {},
    client_secret: 's',
  };

  test.each<[string, EventOptions, string, string]>([
    ['live events in test mode', { livemode: true }, 'ignored', 'other_livemode'],
    ['another installation', { holdfastEnv: 'somebody' }, 'ignored', 'other_holdfast_env'],
    ['no installation', { holdfastEnv: null }, 'ignored', 'no_holdfast_env'],
    ['no valid checkout id', { checkoutId: 'order-7' }, 'ignored', 'no_checkout_id'],
    ['a refund of somebody else', { type: 'refund.updated', object: refund }, 'ignored', 'not_our_payment'],
    ['an unjudged type of ours', { type: 'payment_intent.created' }, 'no_effect', 'type_not_judged'],
    [
      'an unjudged type of others',
      { type: 'charge.succeeded', object: refund },
      'ignored',
      'no_holdfast_env',
    ],
  ])('%s: stored with the reason, acknowledged, never handed on', async (_what, options, outcome, reason) => {
    const event = eventFor(api, options);
    expect(await deliver(api, event)).toMatchObject({ status: 200, body: { received: true } });
    expect(await storedRow(api, event.id)).toMatchObject({ outcome, reason, is_forwarded: false });
  });

  test('keep no client secret, and of a foreign object only its id', async () => {
    const event = eventFor(api, { holdfastEnv: 'somebody' });
    await deliver(api, event);
    const row = await storedRow(api, event.id);
    expect(row?.checkout_id).toBeNull();
    expect(row?.payload).toMatchObject({
      data: { object: { id: event.data.object['id'], object: 'payment_intent' } },
    });
    expect(JSON.stringify(row?.payload)).not.toMatch(/hunter2|metadata|amount/);
  });
});

describe('while Temporal is away', () => {
  test('an event is stored, not acknowledged, and handed on by nobody', async () => {
    const api = await BareApi.open();
    try {
      const event = eventFor(api);
      expect(await deliver(api, event)).toMatchObject({
        status: 503,
        body: { code: 'webhook_not_forwarded', retry: 'same_key' },
      });
      expect(await storedRow(api, event.id)).toMatchObject({ outcome: null, is_forwarded: false });
      expect(api.logLines.join('')).not.toContain('hunter2');
    } finally {
      await api.close();
    }
  });
});

describe('while the database is away', () => {
  test('an event is not acknowledged', async () => {
    const api = await BareApi.open({ isDatabaseDown: true });
    try {
      expect(await deliver(api, eventFor(api))).toMatchObject({
        status: 503,
        body: { code: 'service_unavailable' },
      });
    } finally {
      await api.close();
    }
  });
});
