// The pace of calls to Stripe: whoever asks, and however many at once, gets an instant of his own.
import { takeStripeSlot } from '../../db/stripe-pace';
import { createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
beforeEach(() => db.pool.query('truncate stripe_pace'));
afterAll(() => db.drop());

const take = (perSecond: number, waitMsMax: number) =>
  takeStripeSlot(db.pool, { call: 'create', perSecond, waitMsMax });

test('fifty at once, on a table that a crash has emptied: fifty instants, a twentieth of a second apart', async () => {
  const slots = await Promise.all(Array.from({ length: 50 }, () => take(20, 10_000)));
  expect(slots.every(({ isTaken }) => isTaken)).toBe(true);
  const { rows } = await db.pool.query<{ ahead_ms: number }>(
    `select extract(epoch from next_at - clock_timestamp())::float * 1000 as ahead_ms from stripe_pace`,
  );
  // The first went at once; the fifty-first may go 2.5 s after it, less the time this test has taken.
  expect(rows[0]?.ahead_ms).toBeGreaterThan(1_000);
  expect(rows[0]?.ahead_ms).toBeLessThanOrEqual(2_500);
  const waits = slots.map(({ waitMs }) => waitMs).toSorted((a, b) => a - b);
  expect(waits[0]).toBe(0);
  expect(waits.at(-1)).toBeGreaterThan(1_000);
});

test('too far ahead, nothing is taken, and the next who can wait gets that instant', async () => {
  expect(await take(1, 0)).toEqual({ isTaken: true, waitMs: 0 });
  const refused = await take(1, 100);
  expect(refused).toMatchObject({ isTaken: false });
  expect(refused.waitMs).toBeGreaterThan(100);
  const next = await take(1, 1_000);
  expect(next.isTaken).toBe(true);
  expect(next.waitMs).toBeLessThanOrEqual(refused.waitMs);
  expect((await take(1, 1_000)).isTaken).toBe(false);
});

test('after a pause nothing has been saved up', async () => {
  await take(2, 0);
  await db.pool.query(`update stripe_pace set next_at = next_at - interval '1 hour'`);
  expect(await take(2, 0)).toEqual({ isTaken: true, waitMs: 0 });
  expect((await take(2, 0)).isTaken).toBe(false);
});
