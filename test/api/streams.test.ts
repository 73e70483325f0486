// The live streams over HTTP and a real database: who may listen, what is sent when, and what a lost network changes.
import { randomUUID } from 'node:crypto';

import { confirmCheckout, openCheckout, recordDecline } from '../../db/checkouts';
import { createPool } from '../../db/pool';
import { createDrop, createProduct, line, openAndBind, openInput } from '../db/support';
import type { BoundCheckout } from '../db/support';
import { startCutProxy } from '../support/cut-proxy';
import { ageCheckout } from '../support/database';
import type { EventStream } from '../support/event-stream';
import { until } from '../support/until';
import { BareApi } from './bare-api';
import { leaveAll, listenTo, listenToDrop, seen, tokenOf } from './listening';

let api: BareApi;
let product: string;
let dropId: string;

beforeAll(async () => {
  api = await BareApi.open();
  dropId = await createDrop(api.database.pool);
  product = await createProduct(api.database.pool, { total: 1_000, dropId });
});

afterAll(() => api.close());

afterEach(leaveAll);

const buy = () => openAndBind(api.database.pool, [line(product)]);
const confirm = ({ checkoutId, paymentIntentId }: BoundCheckout) =>
  confirmCheckout(api.database.pool, { checkoutId, paymentIntentId, eventIds: [] });
const decline = ({ checkoutId }: BoundCheckout, id: string) =>
  recordDecline(api.database.pool, {
    checkoutId,
    eventId: `evt_${id}`,
    attempt: { id, code: 'card_declined', declineCode: 'insufficient_funds', adviceCode: null },
  });

/** How available units went by, as a listener saw them. */
const availability = (stream: EventStream) =>
  stream.named('drop').map(({ data }) => (data['products'] as { available: number }[])[0]?.available);

describe('GET /api/checkouts/:id/events', () => {
  test('sends the checkout as it is, then every change and nothing else, and ends with it', async () => {
    const bought = await buy();
    const stream = await listenTo(api, bought.checkoutId);
    expect([stream.status, stream.headers.get('content-type')]).toEqual([
      200,
      'text/event-stream; charset=utf-8',
    ]);
    await seen(stream, 1);
    await decline(bought, 'ch_1');
    await seen(stream, 2);
    await confirm(bought);
    expect(await stream.ended).toBe('ended');
    expect(
      stream.events.map(({ event, data }) => [event, data['status'] ?? data['reason'], data['attempts']]),
    ).toEqual([
      ['checkout', 'awaiting_payment', 0],
      ['checkout', 'awaiting_payment', 1],
      ['checkout', 'confirmed', 1],
      ['end', 'final', undefined],
    ]);
    const { body } = await api.get(`/api/checkouts/${bought.checkoutId}`, tokenOf(bought.checkoutId));
    expect(stream.named('checkout').at(-1)?.data).toEqual(body);
    expect(new Set(stream.named('checkout').map(({ id }) => id)).size).toBe(3);
    expect(stream.retryMs).toBeGreaterThanOrEqual(1_000);
  });

  test('tells that the time to pay is over, though no row has changed', async () => {
    const bought = await buy();
    await ageCheckout(api.database.pool, bought.checkoutId, 298);
    const stream = await listenTo(api, bought.checkoutId);
    await seen(stream, 2);
    expect(stream.events.map(({ data }) => [data['status'], data['is_payable']])).toEqual([
      ['awaiting_payment', true],
      ['awaiting_payment', false],
    ]);
  });

  test('of a checkout that has ended is its end', async () => {
    const bought = await buy();
    await confirm(bought);
    const stream = await listenTo(api, bought.checkoutId);
    expect(await stream.ended).toBe('ended');
    expect(stream.events.map(({ event }) => event)).toEqual(['checkout', 'end']);
  });

  test('answers an unknown id and a wrong token with the same 404', async () => {
    const { checkoutId } = await buy();
    const unknown = randomUUID();
    const answers = await Promise.all([
      api.get(`/api/checkouts/${unknown}/events`, tokenOf(unknown)),
      api.get(`/api/checkouts/${checkoutId}/events`, tokenOf(unknown)),
      api.get(`/api/checkouts/${checkoutId}/events`),
      api.get(`/api/checkouts/no-id/events`, tokenOf(checkoutId)),
      api.get(`/api/checkouts/${checkoutId}/events?checkout_token=${tokenOf(checkoutId)}`),
    ]);
    for (const answer of answers) {
      expect([answer.status, answer.body]).toEqual([404, answers[0].body]);
    }
  });
});

describe('a lost connection', () => {
  test('costs nothing: what has changed meanwhile is sent at once', async () => {
    const bought = await buy();
    const first = await listenTo(api, bought.checkoutId);
    await seen(first, 1);
    await first.leave();
    await decline(bought, 'ch_2');
    const second = await listenTo(api, bought.checkoutId);
    await seen(second, 1);
    expect(second.events[0]?.data).toMatchObject({ attempts: 1, status: 'awaiting_payment' });

    await second.leave();
    const third = await listenTo(api, bought.checkoutId);
    await seen(third, 1);
    expect(third.events[0]?.id).toBe(second.events[0]?.id);
  });
});

describe('GET /api/drops/:id/events', () => {
  test('sends what is available, to everybody', async () => {
    const listeners = await Promise.all([
      listenToDrop(api, dropId),
      listenToDrop(api, dropId),
      listenToDrop(api, dropId),
    ]);
    for (const stream of listeners) await seen(stream, 1);
    const before = availability(listeners[0] as EventStream)[0] ?? 0;
    await openCheckout(api.database.pool, openInput([line(product, 7)]));
    for (const stream of listeners) {
      await seen(stream, 2);
      expect(availability(stream)).toEqual([before, before - 7]);
      expect(stream.last?.data).toEqual((await api.get(`/api/drops/${dropId}`)).body);
    }
  });

  test('of an unknown drop is a 404, and a HEAD ends at once', async () => {
    for (const id of [randomUUID(), 'x']) {
      expect(await api.get(`/api/drops/${id}/events`)).toMatchObject({ status: 404 });
    }
    const head = await fetch(`${api.url}/api/drops/${dropId}/events`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });
});

describe('the database away', () => {
  test.each(['cut', 'hang'] as const)(
    '(%s) leaves the streams open, says so, and goes on after',
    async (how) => {
      const proxy = await startCutProxy(api.database.url);
      const pool = createPool({ connectionString: proxy.url, applicationName: 'holdfast-test' });
      const remote = await BareApi.open({ deps: { pool } });
      try {
        const bought = await buy();
        const stream = await listenTo(remote, bought.checkoutId);
        await seen(stream, 1);
        proxy[how]();
        await until('to be told', async () => stream.last?.event === 'stale');
        expect(await remote.get(`/api/drops/${dropId}/events`)).toMatchObject({
          status: 503,
          body: { code: 'service_unavailable' },
        });
        proxy.mend();
        await until('the state again', async () => stream.last?.event === 'checkout');
        await confirm(bought);
        expect(await stream.ended).toBe('ended');
        expect(stream.events.map(({ event, data }) => [event, data['status'] ?? data['reason']])).toEqual([
          ['checkout', 'awaiting_payment'],
          ['stale', undefined],
          ['checkout', 'awaiting_payment'],
          ['checkout', 'confirmed'],
          ['end', 'final'],
        ]);
      } finally {
        await remote.close();
        await pool.end();
        await proxy.close();
      }
    },
  );
});

test('a process that stops ends its streams with a word, and takes no new ones', async () => {
  const leaving = await BareApi.open();
  const id = await createDrop(leaving.database.pool);
  const stream = await listenToDrop(leaving, id);
  await seen(stream, 1);
  await leaving.streams.close();
  expect(await stream.ended).toBe('ended');
  expect(stream.last).toMatchObject({ event: 'end', data: { reason: 'shutdown' } });
  expect(await leaving.get(`/api/drops/${id}/events`)).toMatchObject({ status: 503 });
  await leaving.close();
});
