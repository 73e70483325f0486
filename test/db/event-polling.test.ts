// Whose turn it is to read Stripe's events, and from where.
import { randomUUID } from 'node:crypto';

import { endPollingTurn, failPollingTurn, notePolledPage, takePollingTurn } from '../../db/event-polling';
import { createTestDatabase, type TestDatabase } from '../support/database';

const LAST_PAGE = { nextStartingAfter: null };

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database?.drop());

const take = (holder: string = randomUUID()) => takePollingTurn(database.pool, holder);
const pass = (seconds: number) =>
  database.pool.query(
    `update event_polling set due_at = due_at - make_interval(secs => $1), held_until = held_until - make_interval(secs => $1),
       failing_since = failing_since - make_interval(secs => $1)`,
    [seconds],
  );
const nowSeconds = () => Math.floor(Date.now() / 1000);

test('of any number of workers one has the turn, until it ends it or its time is over', async () => {
  const turns = await Promise.all(Array.from({ length: 16 }, () => take()));
  expect(turns.filter((turn) => turn !== null)).toHaveLength(1);
  expect(await take()).toBeNull();
  await pass(21);
  const second = randomUUID();
  expect(await take(second)).not.toBeNull();
  expect(await notePolledPage(database.pool, randomUUID(), { newestUnixSeconds: null, ...LAST_PAGE })).toBe(
    false,
  );
  await endPollingTurn(database.pool, second);
  expect(await take()).toBeNull();
  await pass(3);
  const third = randomUUID();
  const turn = await take(third);
  // Nothing was seen, so nothing moves the cursor.
  expect(turn?.createdFromUnixSeconds).toBeLessThan(nowSeconds() - 3_600);
  await endPollingTurn(database.pool, third);
});

test('a pass that a turn did not finish goes on at once, and only its end moves the cursor', async () => {
  await pass(3);
  const holder = randomUUID();
  const first = await take(holder);
  const newest = nowSeconds() - 40;
  await notePolledPage(database.pool, holder, { newestUnixSeconds: newest, nextStartingAfter: 'evt_100' });
  await endPollingTurn(database.pool, holder);

  const again = await take(holder);
  expect(again?.startingAfter).toBe('evt_100');
  expect(Math.abs((again?.createdFromUnixSeconds ?? 0) - (first?.createdFromUnixSeconds ?? 0))).toBeLessThan(
    60,
  );
  await notePolledPage(database.pool, holder, { newestUnixSeconds: newest - 500, ...LAST_PAGE });
  await endPollingTurn(database.pool, holder);
  await pass(3);
  expect(await take(holder)).toEqual({ createdFromUnixSeconds: newest - 300, startingAfter: null });
  await endPollingTurn(database.pool, holder);
});

test('an event that is dated in the future does not hide those that come before it', async () => {
  await pass(3);
  const holder = randomUUID();
  await take(holder);
  await notePolledPage(database.pool, holder, { newestUnixSeconds: nowSeconds() + 864_000, ...LAST_PAGE });
  await endPollingTurn(database.pool, holder);
  await pass(3);
  const turn = await take(holder);
  expect(turn?.createdFromUnixSeconds).toBeLessThanOrEqual(nowSeconds());
  await endPollingTurn(database.pool, holder);
});

test('failures pause longer and longer, at most a minute, and leave the cursor where it is', async () => {
  await pass(3);
  const holder = randomUUID();
  const turn = await take(holder);
  expect(await failPollingTurn(database.pool, holder)).toBe(0);
  expect(await take(holder)).toBeNull();
  await pass(3);
  expect(await take(holder)).toEqual(turn);
  await pass(1_000);
  expect(await failPollingTurn(database.pool, holder)).toBeGreaterThanOrEqual(1_000);
  await pass(59);
  expect(await take(holder)).toBeNull();
  await pass(1);
  expect(await take(holder)).toEqual(turn);
  await endPollingTurn(database.pool, holder);
  await pass(3);
  await take(holder);
  expect(await failPollingTurn(database.pool, holder)).toBe(0);
});
