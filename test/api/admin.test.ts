// The operators' door: who may enter, what is refused before anything is begun, and what can be read.
import { randomUUID } from 'node:crypto';

import { ADMIN_OPERATIONS } from '../../api/admin/routes';
import type { Operation } from '../../api/operation';
import { operationIdFromKey } from '../../contracts/fingerprint';
import { operationWorkflowId } from '../../contracts/ids';
import { openIncident } from '../../db/incidents';
import { ADMIN_TOKEN, BareApi } from './bare-api';
import { connectIdleTemporal, type IdleTemporal } from './temporal';

let temporal: IdleTemporal;
let api: BareApi;
let alone: BareApi;

beforeAll(async () => {
  temporal = await connectIdleTemporal();
  api = await BareApi.open({ deps: { temporalClient: temporal.client } });
  alone = await BareApi.open();
});
afterAll(async () => {
  await alone?.close();
  await api?.close();
  await temporal?.close();
});

const OPERATIONS = Object.entries<Operation>(ADMIN_OPERATIONS).map(
  ([id, operation]) => [id, operation, operation.path.replace('{id}', randomUUID())] as const,
);
const ACTS = OPERATIONS.filter(([, operation]) => operation.method === 'post');

const WHO = { operator: 'operator-7', reason: 'a test asks for it' };

function act(at: BareApi, path: string, body: unknown, headers: Record<string, string> = {}) {
  return at.send(`/api/admin/${path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'idempotency-key': `key-${randomUUID()}`,
      authorization: `Bearer ${ADMIN_TOKEN}`,
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

const operationsOnRecord = async () => {
  const { rows } = await api.database.pool.query<{ count: number }>(
    'select count(*)::int as count from admin_operations',
  );
  return rows[0]?.count;
};

describe.each(OPERATIONS)('%s', (_id, operation, path) => {
  test.each([
    ['no token', {}],
    ['a wrong token', { authorization: `Bearer ${ADMIN_TOKEN}x` }],
    ['the token’s beginning', { authorization: `Bearer ${ADMIN_TOKEN.slice(0, -1)}` }],
    ['the token as a password', { authorization: `Basic ${ADMIN_TOKEN}` }],
  ])('refuses %s before it reads the request', async (_name, headers: Record<string, string>) => {
    const body = operation.method === 'post' ? { body: '{"torn' } : {};
    const answer = await alone.send(path, {
      method: operation.method.toUpperCase(),
      headers: { 'content-type': 'application/json', ...headers },
      ...body,
    });
    expect([answer.status, answer.body['code']]).toEqual([401, 'unauthorized']);
  });
});

describe('a request that is not one', () => {
  const cancel = `checkouts/${randomUUID()}/cancel`;
  test.each<[string, string, unknown, Record<string, string>, number, string]>([
    ['no key', cancel, WHO, { 'idempotency-key': '' }, 400, 'invalid_idempotency_key'],
    ['a short key', cancel, WHO, { 'idempotency-key': 'short' }, 400, 'invalid_idempotency_key'],
    ['nobody', cancel, { reason: 'why' }, {}, 400, 'malformed_request'],
    ['no reason', cancel, { operator: 'operator-7' }, {}, 400, 'malformed_request'],
    ['an empty reason', cancel, { ...WHO, reason: '   ' }, {}, 400, 'malformed_request'],
    ['a long reason', cancel, { ...WHO, reason: 'x'.repeat(501) }, {}, 400, 'malformed_request'],
    ['a NUL in the reason', cancel, { ...WHO, reason: 'a\0b' }, {}, 400, 'malformed_request'],
    ['half a character', cancel, { ...WHO, reason: 'a\ud800b' }, {}, 400, 'malformed_request'],
    ['an e-mail address', cancel, { ...WHO, operator: 'jo@example.com' }, {}, 422, 'invalid_operator'],
    ['a name with a space', cancel, { ...WHO, operator: 'jo smith' }, {}, 422, 'invalid_operator'],
    ['a field too many', cancel, { ...WHO, force: true }, {}, 400, 'malformed_request'],
    ['no checkout id', 'checkouts/1/cancel', WHO, {}, 400, 'malformed_request'],
    ['no seconds', `checkouts/${randomUUID()}/extend`, WHO, {}, 400, 'malformed_request'],
    [
      '601 seconds',
      `checkouts/${randomUUID()}/extend`,
      { ...WHO, seconds: 601 },
      {},
      400,
      'malformed_request',
    ],
    [
      'nothing refunded',
      `checkouts/${randomUUID()}/refund`,
      { ...WHO, amount: 0 },
      {},
      400,
      'malformed_request',
    ],
    [
      'nothing put on sale',
      `products/${randomUUID()}/restock`,
      { ...WHO, units: 0 },
      {},
      400,
      'malformed_request',
    ],
    [
      'too much on sale',
      `products/${randomUUID()}/restock`,
      { ...WHO, units: 1e7 },
      {},
      400,
      'malformed_request',
    ],
    ['a body too large', cancel, { ...WHO, reason: 'x'.repeat(70_000) }, {}, 413, 'payload_too_large'],
    ['a torn body', cancel, '{"operator', {}, 400, 'malformed_request'],
    ['a form', cancel, 'operator=7', { 'content-type': 'text/plain' }, 415, 'unsupported_media_type'],
  ])('%s: nothing is begun', async (_name, path, body, headers, status, code) => {
    // Temporal is out of reach here: a request that tried to begin could not hide it.
    const answer = await act(alone, path, body, headers);
    expect([answer.status, answer.body['code']]).toEqual([status, code]);
  });

  test.each([
    'incidents?limit=101',
    'incidents?limit=0',
    'incidents?state=lost',
    'incidents?after=!',
    `incidents?after=${Buffer.from('{"at":"now()","id":"1"}').toString('base64url')}`,
    'inbox?checkout_id=1',
    'reservations?of=me',
    'checkouts',
    'operations/1',
  ])('GET %s', async (path) => {
    const answer = await alone.get(`/api/admin/${path}`, ADMIN_TOKEN);
    expect([answer.status, answer.body['code']]).toEqual([400, 'malformed_request']);
  });
});

test.each(ACTS.map(([id]) => id))('%s is not tried while Temporal is away', async (id) => {
  const path = ADMIN_OPERATIONS[id as keyof typeof ADMIN_OPERATIONS].path.replace('{id}', randomUUID());
  const fields = {
    adminExtend: { seconds: 60 },
    adminReplayEvent: { event_id: 'evt_1' },
    adminRestock: { units: 1 },
  }[id];
  const answer = await act(alone, path.replace('/api/admin/', ''), { ...WHO, ...fields });
  expect([answer.status, answer.body['code'], answer.body['retry']]).toEqual([
    503,
    'service_unavailable',
    'same_key',
  ]);
});

describe('while no worker takes it up', () => {
  test('202 with the operation’s id; the same key is the same operation, and with another body refused', async () => {
    const key = `key-${randomUUID()}`;
    const path = `checkouts/${randomUUID()}/cancel`;
    const header = { 'idempotency-key': key };
    const operationId = operationIdFromKey(key);
    const pending = { status: 202, body: { operation_id: operationId, state: 'running' } };
    expect(await act(api, path, WHO, header)).toMatchObject(pending);
    expect(await act(api, path, WHO, header)).toMatchObject(pending);
    for (const [other, body] of [
      [path, { ...WHO, reason: 'another' }],
      [path, { ...WHO, operator: 'operator-8' }],
      [`checkouts/${randomUUID()}/cancel`, WHO],
      [path.replace('cancel', 'reclaim'), WHO],
    ] as const) {
      const answer = await act(api, other, body, header);
      expect([answer.status, answer.body['code']]).toEqual([422, 'idempotency_key_reused']);
    }
    expect(await operationsOnRecord()).toBe(0);
    expect((await api.get(`/api/admin/operations/${operationId}`, ADMIN_TOKEN)).status).toBe(404);
    await temporal.terminate(operationWorkflowId(operationId));
  });

  test('more than sixteen at once are told to come again', async () => {
    // On a busy machine twenty requests may take longer to arrive than the others of this file are made to wait.
    const patient = await BareApi.open({
      deps: { temporalClient: temporal.client },
      settings: { operationWaitMs: 5_000 },
    });
    try {
      const keys = Array.from({ length: 20 }, () => `key-${randomUUID()}`);
      const answers = await Promise.all(
        keys.map((key) => act(patient, 'cleanup', WHO, { 'idempotency-key': key })),
      );
      const statuses = answers.map(({ status }) => status);
      expect(statuses.filter((status) => status === 202)).toHaveLength(16);
      expect(answers.filter(({ body }) => body['code'] === 'busy')).toHaveLength(4);
      for (const { status, body } of answers) {
        if (status === 202) await temporal.terminate(operationWorkflowId(String(body['operation_id'])));
      }
    } finally {
      await patient.close();
    }
  });
});

describe('lists', () => {
  test('incidents come in pages, oldest first, and none twice', async () => {
    for (let i = 0; i < 7; i += 1) {
      await openIncident(api.database.pool, { checkoutId: randomUUID(), kind: 'a_test', detail: { i } });
    }
    const seen: unknown[] = [];
    let next: string | null = '';
    while (next !== null) {
      const { body } = await api.get(
        `/api/admin/incidents?limit=3${next === '' ? '' : `&after=${next}`}`,
        ADMIN_TOKEN,
      );
      const incidents = body['incidents'] as { detail: { i: number } }[];
      expect(incidents.length).toBeLessThanOrEqual(3);
      seen.push(...incidents.map(({ detail }) => detail.i));
      next = body['next'] as string | null;
      if (seen.length === 3) {
        await openIncident(api.database.pool, { checkoutId: randomUUID(), kind: 'a_test', detail: { i: 7 } });
      }
    }
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  test('the inbox shows no payload', async () => {
    await api.database.pool.query(
      `insert into webhook_events (event_id, type, livemode, stripe_created_at, payload)
       select 'evt_' || n, 'payment_intent.succeeded', false, now(), '{"secret": "of the buyer"}' from generate_series(1, 5) n`,
    );
    const first = await api.get('/api/admin/inbox?limit=4', ADMIN_TOKEN);
    expect((first.body['events'] as unknown[]).length).toBe(4);
    expect(JSON.stringify(first.body)).not.toContain('secret');
    const rest = await api.get(`/api/admin/inbox?limit=4&after=${String(first.body['next'])}`, ADMIN_TOKEN);
    expect((rest.body['events'] as unknown[]).length).toBe(1);
    expect(rest.body['next']).toBeNull();
  });

  test('reservations, checkouts and numbers of an empty shop', async () => {
    expect((await api.get('/api/admin/reservations', ADMIN_TOKEN)).body).toEqual({
      reservations: [],
      next: null,
    });
    expect((await api.get(`/api/admin/checkouts?checkout_id=${randomUUID()}`, ADMIN_TOKEN)).body).toEqual({
      checkouts: [],
    });
    expect((await api.get('/api/admin/metrics', ADMIN_TOKEN)).body).toMatchObject({
      units_held: 0,
      checkouts_closed_24h: {},
      last_reconciliation: null,
    });
  });
});
