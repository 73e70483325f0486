// What the API serves without Temporal and Stripe: drops, page configuration, health, its own description, maintenance.
import { openApiDocument } from '../../api/openapi';
import { openCheckout } from '../../db/checkouts';
import { DEMO_DROP_ID, DEMO_PRODUCTS } from '../../db/seed';
import { ageCheckout } from '../support/database';
import { ADMIN_TOKEN, BareApi } from './bare-api';

let api: BareApi;

beforeAll(async () => {
  api = await BareApi.open();
});

afterAll(() => api.close());

describe('GET /api/drops', () => {
  test('lists every drop with prices in minor units and what is left', async () => {
    const { status, body } = await api.get('/api/drops');
    expect(status).toBe(200);
    expect(body['drops']).toEqual([
      {
        id: DEMO_DROP_ID,
        name: 'Demo drop',
        currency: 'usd',
        opens_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        closes_at: null,
        products: Object.values(DEMO_PRODUCTS).map((product) => ({
          id: product.id,
          name: product.name,
          unit_price: product.unitPriceMinor,
          total: product.total,
          available: product.total,
          max_per_customer: 'maxPerCustomer' in product ? product.maxPerCustomer : null,
        })),
      },
    ]);
  });

  test('one drop is the same as in the list, whatever the case of its id', async () => {
    const { body } = await api.get('/api/drops');
    const one = await api.get(`/api/drops/${DEMO_DROP_ID.toUpperCase()}`);
    expect(one.body).toEqual((body['drops'] as unknown[])[0]);
  });
});

test('GET /config tells the page how to pay, and no secret', async () => {
  const { body } = await api.get('/config');
  expect(body).toEqual({
    mode: 'simulator',
    publishable_key: 'pk_test_simulator',
    stripe_api_base: 'http://127.0.0.1:9',
    payment_window_seconds: 300,
  });
});

test('GET /openapi.json serves the committed description', async () => {
  expect((await api.get('/openapi.json')).body).toEqual(JSON.parse(JSON.stringify(openApiDocument())));
});

describe('health', () => {
  test('GET /healthz answers while everything else is away', async () => {
    expect(await api.get('/healthz')).toMatchObject({ status: 200, body: { status: 'ok' } });
  });

  test('GET /readyz says which part is away, and names no host', async () => {
    const answer = await api.get('/readyz');
    expect(answer.status).toBe(503);
    expect(answer.body).toEqual({ status: 'unavailable', postgresql: 'ok', temporal: 'unavailable' });
  });
});

describe('POST /api/maintenance/cleanup-reservations', () => {
  const ROUTE = '/api/maintenance/cleanup-reservations';
  const CHECKOUT = '0f9a1c9e-0000-8000-8000-0000000000aa';

  test.each([undefined, 'wrong-token-of-this-test', ''])('refuses the token %j', async (token) => {
    expect(await api.post(ROUTE, token)).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
  });

  test('gives lapsed units back, also while Temporal is down', async () => {
    const { pool } = api.database;
    await openCheckout(pool, {
      checkoutId: CHECKOUT,
      requestFingerprint: 'f',
      customerId: null,
      lines: [{ dropProductId: DEMO_PRODUCTS.print.id, quantity: 1 }],
      windowSeconds: 300,
      reclaimGraceSeconds: 600,
      paymentAttemptsMax: 3,
    });
    expect((await api.post(ROUTE, ADMIN_TOKEN)).body).toMatchObject({ released: 0, more: false });
    await ageCheckout(pool, CHECKOUT, 901);
    expect(await api.post(ROUTE, ADMIN_TOKEN)).toMatchObject({
      status: 200,
      body: { released: 1, duration_ms: expect.any(Number), more: false },
    });
    const { body } = await api.get(`/api/drops/${DEMO_DROP_ID}`);
    expect(body['products']).toContainEqual(
      expect.objectContaining({ id: DEMO_PRODUCTS.print.id, available: 1 }),
    );
  });
});

describe('GET /api/maintenance/health', () => {
  const ROUTE = '/api/maintenance/health';

  test('is for administrators', async () => {
    expect(await api.get(ROUTE)).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
  });

  test('says when a cleanup last succeeded, and is 503 when none has for three minutes', async () => {
    await api.post('/api/maintenance/cleanup-reservations', ADMIN_TOKEN);
    expect(await api.get(ROUTE, ADMIN_TOKEN)).toMatchObject({
      status: 200,
      body: { status: 'ok', last_success_at: expect.any(String), success_rate_24h: 1, inventory_drift: null },
    });
    await api.database.pool.query(`update maintenance_runs set finished_at = finished_at - interval '181 s'`);
    expect(await api.get(ROUTE, ADMIN_TOKEN)).toMatchObject({ status: 503, body: { status: 'overdue' } });
  });
});
