// The live streams over HTTP and a real database: who may listen, what is sent when, and what a lost network changes.
import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';

import { confirmCheckout, openCheckout, recordDecline } from '../../db/checkouts';
import { createPool } from '../../db/pool';
import { checkoutToken } from '../../platform/tokens';
import { createDrop, createProduct, line, openAndBind, openInput } from '../db/support';
import type { BoundCheckout } from '../db/support';
import { startCutProxy } from '../support/cut-proxy';
import { ageCheckout } from '../support/database';
import { EventStream } from '../support/event-stream';
import { until } from '../support/until';
import { BareApi, TOKEN_SECRET } from './bare-api';

let api: BareApi;
let product: string;
let dropId: string;
const streams: EventStream[] = [];

beforeAll(async () => {
  api = await BareApi.open();
  dropId = await createDrop(api.database.pool);
  product = await createProduct(api.database.pool, { total: 1_000, dropId });
});

afterAll(() => api.close());

afterEach(async () => {
  await Promise.all(streams.splice(0).map((stream) => stream.leave()));
});

async function listen(path: string, token?: string, at = api): Promise<EventStream> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const stream = await EventStream.open(`${at.url}${path}`, headers);
  streams.push(stream);
  return stream;
}

const tokenOf = (checkoutId: string) => checkoutToken(TOKEN_SECRET, checkoutId);
const listenTo = (checkoutId: string, at = api) =>
  listen(`/api/checkouts/${checkoutId}/events`, tokenOf(checkoutId), at);
const listenToDrop = (at = api, id = dropId) => listen(`/api/drops/${id}/events`, undefined, at);
const seen = (stream: EventStream, count: number) =>
  until(`${count} events`, async () => stream.events.length >= count && stream.events);
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
    const stream = await listenTo(bought.checkoutId);
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
    const stream = await listenTo(bought.checkoutId);
    await seen(stream, 2);
    expect(stream.events.map(({ data }) => [data['status'], data['is_payable']])).toEqual([
      ['awaiting_payment', true],
      ['awaiting_payment', false],
    ]);
  });

  test('of a checkout that has ended is its end', async () => {
    const bought = await buy();
    await confirm(bought);
    const stream = await listenTo(bought.checkoutId);
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
    const first = await listenTo(bought.checkoutId);
    await seen(first, 1);
    await first.leave();
    await decline(bought, 'ch_2');
    const second = await listenTo(bought.checkoutId);
    await seen(second, 1);
    expect(second.events[0]?.data).toMatchObject({ attempts: 1, status: 'awaiting_payment' });

    await second.leave();
    const third = await listenTo(bought.checkoutId);
    await seen(third, 1);
    expect(third.events[0]?.id).toBe(second.events[0]?.id);
  });
});

describe('GET /api/drops/:id/events', () => {
  test('sends what is available, to everybody', async () => {
    const listeners = await Promise.all([listenToDrop(), listenToDrop(), listenToDrop()]);
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

describe('bounds', () => {
  test('a checkout has eight listeners, and the next one is told to come again', async () => {
    const bought = await buy();
    await Promise.all(Array.from({ length: 8 }, () => listenTo(bought.checkoutId)));
    const path = `/api/checkouts/${bought.checkoutId}/events`;
    const refused = await api.get(path, tokenOf(bought.checkoutId));
    expect([refused.status, refused.body['code'], refused.headers.get('retry-after')]).toEqual([
      503,
      'busy',
      '5',
    ]);
    await streams[0]?.leave();
    await until('room for one', async () => {
      const stream = await listenTo(bought.checkoutId);
      return stream.status === 200;
    });
  });

  test('a process has so many, over drops and checkouts, and no more', async () => {
    const small = await BareApi.open({ streams: { listenersMax: 2 } });
    try {
      const id = await createDrop(small.database.pool);
      await Promise.all([listenToDrop(small, id), listenToDrop(small, id)]);
      expect(await small.get(`/api/drops/${id}/events`)).toMatchObject({
        status: 503,
        body: { code: 'busy' },
      });
      await streams[0]?.leave();
      await until('room for one', async () => (await listenToDrop(small, id)).status === 200);
    } finally {
      await small.close();
    }
  });

  test('the database is asked once a tick for all of them, and not at all for nobody', async () => {
    const bought = await Promise.all(Array.from({ length: 50 }, buy));
    const { pool } = api.database;
    const query = pool.query.bind(pool) as (...args: unknown[]) => unknown;
    let statements = 0;
    const watch = async (listeners: Promise<EventStream>[]) => {
      await Promise.all(listeners);
      statements = 0;
      const startedAt = performance.now();
      await until('four seconds of ticks', async () => performance.now() - startedAt > 4_000, 6_000);
      const perSecond = statements / ((performance.now() - startedAt) / 1_000);
      // And nothing is sent while nothing changes.
      expect(streams.map(({ events }) => events.length)).toEqual(streams.map(() => 1));
      await Promise.all(streams.splice(0).map((stream) => stream.leave()));
      return perSecond;
    };
    Object.assign(pool, { query: (...args: unknown[]) => ((statements += 1), query(...args)) });
    try {
      // A tick of checkouts is 500 ms, one of drops 1 s: three queries a second.
      const one = await watch([listenTo(bought[0]?.checkoutId ?? ''), listenToDrop()]);
      const many = await watch([
        ...bought.flatMap(({ checkoutId }) => [listenTo(checkoutId), listenTo(checkoutId)]),
        ...Array.from({ length: 100 }, () => listenToDrop()),
      ]);
      for (const perSecond of [one, many]) {
        expect(perSecond).toBeGreaterThan(1);
        expect(perSecond).toBeLessThanOrEqual(3.5);
      }
      expect(await watch([])).toBeLessThanOrEqual(0.5); // one of each kind may have been under way
    } finally {
      Object.assign(pool, { query });
    }
  });

  test('who does not read is cut off, and the others get everything', async () => {
    const { pool } = api.database;
    const id = await createDrop(pool);
    await pool.query(
      `insert into drop_products (drop_id, name, unit_price_minor, total_inventory)
       select $1, repeat('x', 200), 1, 1 from generate_series(1, 4000)`,
      [id],
    );
    const { hostname, port } = new URL(api.url);
    const slow = connect(Number(port), hostname);
    const isCut = new Promise((resolve) => slow.once('close', resolve));
    slow.on('error', () => undefined);
    slow.write(`GET /api/drops/${id}/events HTTP/1.1\r\nHost: x\r\n\r\n`);
    slow.pause();
    const good = await listenToDrop(api, id);
    await seen(good, 1);
    let round = 0;
    await until(
      'the slow one to be dropped',
      async () => {
        round += 1;
        await pool.query('update drops set name = $2 where id = $1', [id, `round ${round}`]);
        await until(`round ${round}`, async () => good.last?.data['name'] === `round ${round}`);
        return (await api.metric('holdfast_streams_dropped_total')) === 1;
      },
      40_000,
    );
    slow.resume();
    await isCut;
    expect(slow.bytesRead).toBeLessThan(good.received);
    expect(good.named('drop').map(({ data }) => data['name'])).toEqual([
      'Test drop',
      ...Array.from({ length: round }, (_, n) => `round ${n + 1}`),
    ]);
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
        const stream = await listenTo(bought.checkoutId, remote);
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
