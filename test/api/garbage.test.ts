// Garbage in: a 4xx problem with a code, and nothing written. Temporal is out of reach, so nothing is started either.
import { connect } from 'node:net';

import { DEMO_PRODUCTS } from '../../db/seed';
import { BareApi, NOTHING_WRITTEN } from './bare-api';
import type { Answer } from './bare-api';

const CREATE = '/api/payment/create-intent';
const KEY = 'a-key-of-more-than-16';
const PRODUCT = DEMO_PRODUCTS.poster.id;
const LINE = { drop_product_id: PRODUCT, quantity: 1 };

let api: BareApi;

beforeAll(async () => {
  api = await BareApi.open();
});

afterAll(() => api.close());

afterEach(async () => {
  expect(await api.rowCounts()).toEqual(NOTHING_WRITTEN);
});

function create(body: string | Uint8Array, headers: Record<string, string> = {}): Promise<Answer> {
  return api.send(CREATE, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': KEY, ...headers },
    body,
  });
}

function expectProblem(answer: Answer, status: number, code: string): void {
  expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  expect(answer.body).toMatchObject({
    status,
    code,
    type: `urn:holdfast:problem:${code}`,
    title: expect.any(String),
    error: expect.any(String),
    retry: expect.stringMatching(/^(same_key|new_key|no)$/),
  });
  expect(answer.status).toBe(status);
}

describe('a body that is not an order', () => {
  const items = (...lines: unknown[]) => JSON.stringify({ items: lines });

  test.each<[string, string, string | null]>([
    ['no JSON', '{"items": [', null],
    ['an empty body', '', null],
    ['a number', '7', null],
    ['null', 'null', null],
    ['an array', '[]', ''],
    ['no items', '{}', 'items'],
    ['items that are no list', JSON.stringify({ items: LINE }), 'items'],
    ['no line', items(), 'items'],
    ['51 lines', items(...Array.from({ length: 51 }, () => LINE)), 'items'],
    ['a line that is null', items(null), 'items[0]'],
    ['a line without quantity', items({ drop_product_id: PRODUCT }), 'items[0].quantity'],
    ['quantity 0', items({ ...LINE, quantity: 0 }), 'items[0].quantity'],
    ['quantity -1', items({ ...LINE, quantity: -1 }), 'items[0].quantity'],
    ['quantity 1.5', items({ ...LINE, quantity: 1.5 }), 'items[0].quantity'],
    ['quantity 1e9', items({ ...LINE, quantity: 1e9 }), 'items[0].quantity'],
    ['quantity 1e400', `{"items":[{"drop_product_id":"${PRODUCT}","quantity":1e400}]}`, 'items[0].quantity'],
    ['quantity "1"', items({ ...LINE, quantity: '1' }), 'items[0].quantity'],
    ['quantity true', items({ ...LINE, quantity: true }), 'items[0].quantity'],
    ['quantity null', items({ ...LINE, quantity: null }), 'items[0].quantity'],
    ['over 1,000 in two lines', items({ ...LINE, quantity: 600 }, { ...LINE, quantity: 600 }), 'items'],
    [
      'a product that is no UUID',
      items({ ...LINE, drop_product_id: "1'; drop table" }),
      'items[0].drop_product_id',
    ],
    ['a product that is a number', items({ ...LINE, drop_product_id: 7 }), 'items[0].drop_product_id'],
    ['an unknown member', JSON.stringify({ items: [LINE], amount: 1 }), ''],
    ['an unknown member of a line', items({ ...LINE, price: 1 }), 'items[0]'],
    ['__proto__', `{"items":[${JSON.stringify(LINE)}],"__proto__":{"isAdmin":true}}`, null],
    ['__proto__ in a line', `{"items":[{"drop_product_id":"${PRODUCT}","quantity":1,"__proto__":{}}]}`, null],
    ['constructor', `{"items":[${JSON.stringify(LINE)}],"constructor":{"prototype":{}}}`, ''],
    ['a customer_id of the wrong type', JSON.stringify({ items: [LINE], customer_id: 7 }), 'customer_id'],
  ])('%s is malformed', async (_what, body, path) => {
    const answer = await create(body);
    expectProblem(answer, 400, 'malformed_request');
    if (path !== null) expect(answer.body['errors']).toContainEqual(expect.objectContaining({ path }));
  });

  test('names at most 20 faults', async () => {
    const answer = await create(items(...Array.from({ length: 40 }, () => ({ ...LINE, quantity: 0 }))));
    expect(answer.body['errors']).toHaveLength(20);
  });

  test.each(['buyer@shop.example', '', 'x'.repeat(201), 'two words', 'tab\there', 'nul\u0000', 'ünïcode'])(
    'customer_id %j is refused',
    async (customerId) => {
      expectProblem(
        await create(JSON.stringify({ items: [LINE], customer_id: customerId })),
        422,
        'invalid_customer_id',
      );
    },
  );
});

describe('an Idempotency-Key that is none', () => {
  const body = JSON.stringify({ items: [LINE] });

  test.each([
    ['no key', {}],
    ['an empty key', { 'idempotency-key': '' }],
    ['15 characters', { 'idempotency-key': 'x'.repeat(15) }],
    ['256 characters', { 'idempotency-key': 'x'.repeat(256) }],
    ['other than ASCII', { 'idempotency-key': 'schlüssel-mit-umlaut' }],
  ])('%s', async (_what, headers) => {
    const answer = await api.send(CREATE, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    });
    expectProblem(answer, 400, 'invalid_idempotency_key');
  });

  test('two keys', async () => {
    const key = `Idempotency-Key: ${KEY}\r\n`;
    const answer = await sendRaw(
      `POST ${CREATE} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${key}${key}` +
        `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 400 [^]*"invalid_idempotency_key"/);
  });
});

describe('a body that is not read', () => {
  test('10 MB is too large', async () => {
    expectProblem(await create(`{"items":"${'x'.repeat(10 * 1024 * 1024)}"}`), 413, 'payload_too_large');
  });

  test('65 kB without a length is too large', async () => {
    const chunks = Array.from({ length: 65 }, () => Buffer.alloc(1_024, 'x'));
    const answer = await api.send(CREATE, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': KEY },
      body: new ReadableStream({
        start: (controller) => {
          for (const chunk of chunks) controller.enqueue(chunk);
          controller.close();
        },
      }),
      duplex: 'half',
    } as RequestInit);
    expectProblem(answer, 413, 'payload_too_large');
  });

  test.each([
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['plain text', { 'content-type': 'text/plain' }],
    ['another character set', { 'content-type': 'application/json; charset=iso-8859-1' }],
    ['a compressed body', { 'content-encoding': 'gzip' }],
  ])('%s is an unsupported media type', async (_what, headers) => {
    expectProblem(await create(JSON.stringify({ items: [LINE] }), headers), 415, 'unsupported_media_type');
  });
});

describe('an address that is not there', () => {
  test.each([
    ['GET', '/', 404, 'not_found'],
    ['GET', '/api/checkouts', 404, 'not_found'],
    ['GET', '/api/drops/not-a-uuid', 404, 'not_found'],
    ['GET', '/api/drops/00000000-0000-0000-0000-000000000000', 404, 'not_found'],
    ['GET', '/api/drops/%E0%A4%A', 400, 'malformed_request'],
    ['GET', CREATE, 405, 'method_not_allowed'],
    ['DELETE', '/api/drops', 405, 'method_not_allowed'],
    ['PUT', '/api/webhooks/stripe', 405, 'method_not_allowed'],
    ['POST', '/openapi.json', 405, 'method_not_allowed'],
  ])('%s %s', async (method, path, status, code) => {
    const answer = await api.send(path, { method });
    expectProblem(answer, status, code);
    if (status === 405) expect(answer.headers.get('allow')).toMatch(/^(GET, HEAD|POST)$/);
  });
});

test('no answer names the framework, and every one has the protective headers', async () => {
  const { headers } = await api.get('/nothing-here');
  expect(headers.get('x-powered-by')).toBeNull();
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  expect(headers.get('content-security-policy')).toContain("default-src 'self'");
});

test('no log line repeats a body, a key or a path with an id', async () => {
  await create(JSON.stringify({ items: [{ ...LINE, quantity: 'hunter2' }] }));
  await api.get('/api/checkouts/11111111-2222-8333-8444-555555555555', 'a-token-to-keep');
  const text = api.logLines.join('');
  expect(text).toContain('request answered');
  expect(text).not.toMatch(/hunter2|a-token-to-keep|11111111-2222/);
  expect(text).not.toContain(KEY);
});

/** For what fetch would not send. */
function sendRaw(request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(api.url).port), '127.0.0.1', () => socket.write(request));
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    socket.on('end', () => resolve(answer));
    socket.on('error', reject);
  });
}
