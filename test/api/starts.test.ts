// Starts that get no answer from a worker: who waits, who is told to come again, who is told that nothing was opened.
import { randomUUID } from 'node:crypto';

import { checkoutIdFromKey, requestFingerprint } from '../../contracts/fingerprint';
import { checkoutWorkflowId, settlementWorkflowId } from '../../contracts/ids';
import { closeUnboundCheckout, openCheckout } from '../../db/checkouts';
import { DEMO_PRODUCTS } from '../../db/seed';
import { checkoutToken } from '../../platform/tokens';
import { until } from '../support/until';
import { BareApi, NOTHING_WRITTEN, TOKEN_SECRET } from './bare-api';
import type { Answer } from './bare-api';
import { connectIdleTemporal } from './temporal';
import type { IdleTemporal } from './temporal';

const LINE = { drop_product_id: DEMO_PRODUCTS.poster.id, quantity: 2 };
const LINES = [{ dropProductId: LINE.drop_product_id, quantity: LINE.quantity }];
const FINGERPRINT = requestFingerprint(LINES, null);

function create(api: BareApi, key: string, items: unknown[] = [LINE]): Promise<Answer> {
  return api.send('/api/payment/create-intent', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify({ items }),
  });
}

function openRow(api: BareApi, checkoutId: string) {
  return openCheckout(api.database.pool, {
    checkoutId,
    requestFingerprint: FINGERPRINT,
    customerId: null,
    lines: LINES,
    windowSeconds: 300,
    reclaimGraceSeconds: 600,
    paymentAttemptsMax: 3,
  });
}

describe('while no worker runs', () => {
  let api: BareApi;
  let temporal: IdleTemporal;
  let key: string;
  let checkoutId: string;

  beforeAll(async () => {
    temporal = await connectIdleTemporal();
    api = await BareApi.open({
      deps: { temporalClient: temporal.client },
      settings: { openDeadlineMs: 400, inFlightMax: 1 },
    });
  });

  beforeEach(() => {
    key = `test-${randomUUID()}`;
    checkoutId = checkoutIdFromKey(key);
  });

  afterAll(async () => {
    await api.close();
    await temporal.close();
  });

  test('the answer is checkout_pending with id and token, which the same key repeats', async () => {
    for (const answer of [await create(api, key), await create(api, key)]) {
      expect(answer.status).toBe(503);
      expect(answer.headers.get('retry-after')).toBe('2');
      expect(answer.body).toMatchObject({
        code: 'checkout_pending',
        retry: 'same_key',
        checkout_id: checkoutId,
        checkout_token: checkoutToken(TOKEN_SECRET, checkoutId),
      });
    }
    expect(await api.rowCounts()).toEqual(NOTHING_WRITTEN);
  });

  test('the run is named in words an operator understands, with the fingerprint in its memo', async () => {
    await create(api, key, [LINE, { drop_product_id: DEMO_PRODUCTS.shirt.id, quantity: 1 }]);
    const run = await temporal.client.workflow.getHandle(checkoutWorkflowId(checkoutId)).describe();
    expect(run.type).toBe('checkout');
    expect(run.memo).toEqual({ request_fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(await run.staticSummary()).toBe('3 units of 2 products');
  });

  test('another order under the same key is refused from the memo', async () => {
    await create(api, key);
    expect(await create(api, key, [{ ...LINE, quantity: 3 }])).toMatchObject({
      status: 422,
      body: { code: 'idempotency_key_reused', retry: 'new_key' },
    });
  });

  test('the same order written differently is the same order', async () => {
    await create(api, key);
    const one = { ...LINE, quantity: 1 };
    const again = await create(api, key, [
      one,
      { ...one, drop_product_id: one.drop_product_id.toUpperCase() },
    ]);
    expect(again.body).toMatchObject({ code: 'checkout_pending' });
  });

  test('beyond the limit a start is refused at once and begins nothing', async () => {
    const waiting = create(api, key);
    await until('the first start to be there', async () => {
      return (await temporal.signalsOf(checkoutWorkflowId(checkoutId))) !== null;
    });
    const otherKey = `test-${randomUUID()}`;
    expect(await create(api, otherKey)).toMatchObject({
      status: 503,
      body: { code: 'busy', retry: 'same_key' },
    });
    expect(await temporal.signalsOf(checkoutWorkflowId(checkoutIdFromKey(otherKey)))).toBeNull();
    expect((await waiting).body).toMatchObject({ code: 'checkout_pending' });
  });

  test('a run that ended without a row: the checkout was not opened', async () => {
    await create(api, key);
    await temporal.terminate(checkoutWorkflowId(checkoutId));
    expect(await create(api, key)).toMatchObject({
      status: 503,
      body: { code: 'checkout_not_opened', retry: 'new_key' },
    });
  });

  test('a run that ended with its row still opening: settlement is started, the answer is pending', async () => {
    await create(api, key);
    await openRow(api, checkoutId);
    await temporal.terminate(checkoutWorkflowId(checkoutId));
    expect(await create(api, key)).toMatchObject({ status: 503, body: { code: 'checkout_pending' } });
    expect(await temporal.signalsOf(settlementWorkflowId(checkoutId))).toEqual(['settle']);
  });

  test('a run terminated under a waiting buyer answers from the row', async () => {
    const waiting = create(api, key);
    await until('the start to be there', async () => {
      return (await temporal.signalsOf(checkoutWorkflowId(checkoutId))) !== null;
    });
    await temporal.terminate(checkoutWorkflowId(checkoutId));
    expect((await waiting).body).toMatchObject({
      code: expect.stringMatching(/^checkout_(not_opened|pending)$/),
    });
  });

  test('a closed row answers by itself, and another order under its key is refused', async () => {
    await openRow(api, checkoutId);
    await closeUnboundCheckout(api.database.pool, {
      checkoutId,
      requestFingerprint: FINGERPRINT,
      failureCode: 'payment_provider_unavailable',
    });
    expect(await create(api, key)).toMatchObject({
      status: 503,
      body: { code: 'payment_provider_unavailable', retry: 'new_key' },
    });
    expect(await create(api, key, [{ ...LINE, quantity: 1 }])).toMatchObject({
      status: 422,
      body: { code: 'idempotency_key_reused' },
    });
    expect(await temporal.signalsOf(checkoutWorkflowId(checkoutId))).toBeNull();
  });

  test('a refusal says which product is short and how many are left, each time it is asked', async () => {
    await openCheckout(api.database.pool, {
      checkoutId,
      requestFingerprint: requestFingerprint([{ dropProductId: DEMO_PRODUCTS.print.id, quantity: 5 }], null),
      customerId: null,
      lines: [{ dropProductId: DEMO_PRODUCTS.print.id, quantity: 5 }],
      windowSeconds: 300,
      reclaimGraceSeconds: 600,
      paymentAttemptsMax: 3,
    });
    const items = [{ drop_product_id: DEMO_PRODUCTS.print.id, quantity: 5 }];
    for (const answer of [await create(api, key, items), await create(api, key, items)]) {
      expect(answer).toMatchObject({
        status: 409,
        body: { code: 'insufficient_inventory', retry: 'new_key' },
      });
      expect(JSON.stringify(answer.body)).toContain(DEMO_PRODUCTS.print.id);
      expect(answer.body).toMatchObject({ available: 1 });
    }
  });
});

describe('while Temporal is away', () => {
  test('a start is answered with id and token, and a read or a drop is served', async () => {
    const api = await BareApi.open();
    try {
      const key = `test-${randomUUID()}`;
      const answer = await create(api, key);
      expect(answer.status).toBe(503);
      expect(answer.body).toMatchObject({ retry: 'same_key', checkout_id: checkoutIdFromKey(key) });
      expect(answer.body['code']).toMatch(/^(checkout_pending|service_unavailable)$/);
      expect((await api.get('/api/drops')).status).toBe(200);
      expect(await api.rowCounts()).toEqual(NOTHING_WRITTEN);
    } finally {
      await api.close();
    }
  });
});

describe('while the database is away', () => {
  test('every route says so without naming it, and begins nothing', async () => {
    const api = await BareApi.open({ isDatabaseDown: true });
    try {
      const answers = [await create(api, `test-${randomUUID()}`), await api.get('/api/drops')];
      for (const answer of answers) {
        expect(answer).toMatchObject({
          status: 503,
          body: { code: 'service_unavailable', retry: 'same_key' },
        });
        expect(JSON.stringify(answer.body)).not.toMatch(/127\.0\.0\.1|ECONN|hunter2|nobody/);
      }
      expect((await api.get('/readyz')).body).toMatchObject({ postgresql: 'unavailable' });
    } finally {
      await api.close();
    }
  });
});
