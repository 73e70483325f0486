// Stripe's webhook: what is refused at the door, what is stored, what is handed on, and when it is acknowledged.
import { randomUUID } from 'node:crypto';

import { checkoutWorkflowId, settlementWorkflowId } from '../../contracts/ids';
import { createStripe } from '../../platform/stripe';
import { bindPaymentIntent, openCheckout } from '../../db/checkouts';
import { DEMO_PRODUCTS } from '../../db/seed';
import { BareApi, NOTHING_WRITTEN, WEBHOOK_SECRETS } from './bare-api';
import type { Answer } from './bare-api';
import { connectIdleTemporal } from './temporal';
import type { IdleTemporal } from './temporal';

const ROUTE = '/api/webhooks/stripe';
const [NEW_SECRET = '', OLD_SECRET = ''] = WEBHOOK_SECRETS;
const { webhooks } = createStripe({ secretKey: 'sk_test_simulator' });

interface EventOptions {
  type?: string;
  checkoutId?: string;
  holdfastEnv?: string | null;
  livemode?: boolean;
  object?: Record<string, unknown>;
}

interface StoredRow {
  outcome: string | null;
  reason: string | null;
  is_forwarded: boolean;
  checkout_id: string | null;
  payload: unknown;
}

const now = () => Math.floor(Date.now() / 1_000);

function deliver(api: BareApi, event: unknown, secret = NEW_SECRET, timestamp = now()): Promise<Answer> {
  const payload = JSON.stringify(event, null, 2);
  return deliverBytes(api, payload, webhooks.generateTestHeaderString({ payload, secret, timestamp }));
}

function deliverBytes(api: BareApi, body: string, signature?: string): Promise<Answer> {
  return api.send(ROUTE, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(signature && { 'stripe-signature': signature }) },
    body,
  });
}

function eventFor(api: BareApi, options: EventOptions = {}) {
  const { type = 'payment_intent.succeeded', checkoutId = randomUUID(), livemode = false } = options;
  const holdfastEnv = options.holdfastEnv === undefined ? api.database.holdfastEnv : options.holdfastEnv;
  const id = `evt_${randomUUID()}`;
  return {
    id,
    object: 'event',
    api_version: '2026-10-28.endive',
    type,
    livemode,
    created: now(),
    data: {
      object: options.object ?? {
        id: `pi_${checkoutId}`,
        object: 'payment_intent',
        amount: 1500,
        amount_received: 1500,
        amount_capturable: 0,
        currency: 'usd',
        client_secret: 'pi_1_secret_hunter2',
        metadata: holdfastEnv === null ? {} : { holdfast_env: holdfastEnv, checkout_id: checkoutId },
      },
    },
  };
}

async function storedRow(api: BareApi, eventId: string): Promise<StoredRow | undefined> {
  const { rows } = await api.database.pool.query<StoredRow>(
    `select outcome, reason, forwarded_at is not null as is_forwarded, checkout_id, payload
     from webhook_events where event_id = $1`,
    [eventId],
  );
  return rows[0];
}

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
      'no_effect',
      'type_not_judged',
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

describe('handed on', () => {
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

  test.each([
    ['the new secret', NEW_SECRET],
    ['the old secret', OLD_SECRET],
  ])(
    'signed with %s, an event of a running checkout is signalled, then acknowledged',
    async (_what, secret) => {
      const checkoutId = randomUUID();
      await temporal.startIdleRun(checkoutId);
      const event = eventFor(api, { checkoutId });
      expect(await deliver(api, event, secret)).toMatchObject({ status: 200 });
      expect(await temporal.signalsOf(checkoutWorkflowId(checkoutId))).toEqual(['payment_event']);
      const row = await storedRow(api, event.id);
      expect(row).toMatchObject({ outcome: null, is_forwarded: true, checkout_id: checkoutId });
      expect(JSON.stringify(row?.payload)).not.toContain('hunter2');
    },
  );

  test('a redelivery is acknowledged without a second signal', async () => {
    const checkoutId = randomUUID();
    await temporal.startIdleRun(checkoutId);
    const event = eventFor(api, { checkoutId });
    await deliver(api, event);
    expect(await deliver(api, event)).toMatchObject({ status: 200 });
    expect(await temporal.signalsOf(checkoutWorkflowId(checkoutId))).toEqual(['payment_event']);
  });

  test('a redelivery of one that was stored but not handed on is signalled', async () => {
    const checkoutId = randomUUID();
    const event = eventFor(api, { checkoutId });
    await api.database.pool.query(
      `insert into webhook_events (event_id, type, livemode, stripe_created_at, checkout_id, payload)
       values ($1, $2, false, now(), $3, '{}')`,
      [event.id, event.type, checkoutId],
    );
    await temporal.startIdleRun(checkoutId);
    expect(await deliver(api, event)).toMatchObject({ status: 200 });
    expect(await temporal.signalsOf(checkoutWorkflowId(checkoutId))).toEqual(['payment_event']);
    expect(await storedRow(api, event.id)).toMatchObject({ is_forwarded: true });
  });

  test('50 copies at once make one row, and all are acknowledged', async () => {
    const checkoutId = randomUUID();
    await temporal.startIdleRun(checkoutId);
    const event = eventFor(api, { checkoutId });
    const answers = await Promise.all(Array.from({ length: 50 }, () => deliver(api, event)));
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]));
    const { rows } = await api.database.pool.query('select 1 from webhook_events where event_id = $1', [
      event.id,
    ]);
    expect(rows).toHaveLength(1);
  });

  test.each(['unknown to Temporal', 'closed'])(
    'a checkout that is %s: settlement is started',
    async (state) => {
      const checkoutId = randomUUID();
      if (state === 'closed') {
        await temporal.startIdleRun(checkoutId);
        await temporal.terminate(checkoutWorkflowId(checkoutId));
      }
      const event = eventFor(api, { checkoutId });
      expect(await deliver(api, event)).toMatchObject({ status: 200 });
      expect(await temporal.signalsOf(settlementWorkflowId(checkoutId))).toEqual(['settle']);
      expect(await storedRow(api, event.id)).toMatchObject({ outcome: null, is_forwarded: true });
    },
  );

  test('a refund that we made goes to settlement by its metadata', async () => {
    const checkoutId = randomUUID();
    const metadata = { holdfast_env: api.database.holdfastEnv, checkout_id: checkoutId };
    const object = { id: 're_1', object: 'refund', payment_intent: 'pi_1', metadata };
    await deliver(api, eventFor(api, { type: 'refund.updated', object }));
    expect(await temporal.signalsOf(settlementWorkflowId(checkoutId))).toEqual(['settle']);
  });

  test('a dispute without metadata goes to settlement by its PaymentIntent', async () => {
    const { pool } = api.database;
    const checkoutId = randomUUID();
    await openCheckout(pool, {
      checkoutId,
      requestFingerprint: 'f',
      customerId: null,
      lines: [{ dropProductId: DEMO_PRODUCTS.poster.id, quantity: 1 }],
      windowSeconds: 300,
      reclaimGraceSeconds: 600,
      paymentAttemptsMax: 3,
    });
    await bindPaymentIntent(pool, { checkoutId, paymentIntentId: `pi_${checkoutId}` });
    const object = { id: 'dp_1', object: 'dispute', payment_intent: `pi_${checkoutId}`, metadata: {} };
    const event = eventFor(api, { type: 'charge.dispute.created', object });
    expect(await deliver(api, event)).toMatchObject({ status: 200 });
    expect(await temporal.signalsOf(settlementWorkflowId(checkoutId))).toEqual(['settle']);
    expect(await storedRow(api, event.id)).toMatchObject({ checkout_id: checkoutId, is_forwarded: true });
  });
});
