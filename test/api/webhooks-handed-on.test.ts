// Stripe's events on their way to a checkout or to settlement: signalled once, acknowledged only then.
import { randomUUID } from 'node:crypto';

import { checkoutWorkflowId, settlementWorkflowId } from '../../contracts/ids';
import { bindPaymentIntent, openCheckout } from '../../db/checkouts';
import { DEMO_PRODUCTS } from '../../db/seed';
import { BareApi } from './bare-api';
import { deliver, eventFor, NEW_SECRET, OLD_SECRET, storedRow } from './deliveries';
import { connectIdleTemporal } from './temporal';
import type { IdleTemporal } from './temporal';

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
