// How many may listen to the live streams, what they cost the database, and what becomes of who does not read.
import { connect } from 'node:net';

import { createDrop, createProduct, line, openAndBind } from '../db/support';
import type { EventStream } from '../support/event-stream';
import { until } from '../support/until';
import { BareApi } from './bare-api';
import { leaveAll, listenTo, listenToDrop, seen, streams, tokenOf } from './listening';

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

test('a checkout has eight listeners, and the next one is told to come again', async () => {
  const bought = await buy();
  await Promise.all(Array.from({ length: 8 }, () => listenTo(api, bought.checkoutId)));
  const path = `/api/checkouts/${bought.checkoutId}/events`;
  const refused = await api.get(path, tokenOf(bought.checkoutId));
  expect([refused.status, refused.body['code'], refused.headers.get('retry-after')]).toEqual([
    503,
    'busy',
    '5',
  ]);
  await streams[0]?.leave();
  await until('room for one', async () => {
    const stream = await listenTo(api, bought.checkoutId);
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
    const one = await watch([listenTo(api, bought[0]?.checkoutId ?? ''), listenToDrop(api, dropId)]);
    const many = await watch([
      ...bought.flatMap(({ checkoutId }) => [listenTo(api, checkoutId), listenTo(api, checkoutId)]),
      ...Array.from({ length: 100 }, () => listenToDrop(api, dropId)),
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
