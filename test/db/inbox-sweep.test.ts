// Which events the sweep takes, how often, and when it gives up.
import { randomUUID } from 'node:crypto';

import { storeEvent, takeUnjudgedEvents } from '../../db/inbox';
import { createTestDatabase, type TestDatabase } from '../support/database';

const LIMITS = { waitSeconds: 60, triesMax: 10, limit: 100 };

let database: TestDatabase;
const checkoutId = randomUUID();

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database?.drop());

const store = (eventId: string, outcome: 'no_effect' | null = null) =>
  storeEvent(database.pool, {
    eventId,
    type: 'refund.updated',
    livemode: false,
    createdUnixSeconds: 1,
    paymentIntentId: null,
    checkoutId,
    payload: {},
    signal: null,
    outcome,
    reason: outcome,
  });

const passMinutes = (minutes: number) =>
  database.pool.query(
    `update webhook_events set received_at = received_at - make_interval(mins => $1),
       driven_at = driven_at - make_interval(mins => $1)`,
    [minutes],
  );

const take = () => takeUnjudgedEvents(database.pool, LIMITS);

test('an event is taken once a minute until it has had ten tries, then quarantined with one incident', async () => {
  await store('evt_judged', 'no_effect');
  await store('evt_due');
  expect(await take()).toEqual([]);
  for (let attempt = 1; attempt <= 10; attempt += 1) {
    await passMinutes(2);
    expect(await take()).toEqual([{ eventId: 'evt_due', checkoutId, signal: null, isQuarantined: false }]);
    expect(await take()).toEqual([]);
  }
  await passMinutes(2);
  expect(await take()).toEqual([{ eventId: 'evt_due', checkoutId, signal: null, isQuarantined: true }]);
  await passMinutes(2);
  expect(await take()).toEqual([]);
  const { rows } = await database.pool.query('select kind, detail from incidents where checkout_id = $1', [
    checkoutId,
  ]);
  expect(rows).toEqual([{ kind: 'event_not_judged', detail: { event_ids: ['evt_due'] } }]);
});

test('sweeps at the same time never take the same event', async () => {
  const ids = Array.from({ length: 50 }, (_, i) => `evt_many_${i}`);
  for (const id of ids) await store(id);
  await passMinutes(2);
  const takes = await Promise.all(
    Array.from({ length: 8 }, () => takeUnjudgedEvents(database.pool, { ...LIMITS, limit: 20 })),
  );
  const taken = takes.flat().map((event) => event.eventId);
  expect(new Set(taken).size).toBe(taken.length);
});
