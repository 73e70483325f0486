// The pace of calls to Stripe: whoever asks, and however many at once, gets an instant of his own.
import { randomUUID } from 'node:crypto';

import { openCheckout } from '../../db/checkouts';
import { beginCreate, type CreateSlot } from '../../db/stripe-pace';
import { ageCheckout } from '../support/database';
import { createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import { createProduct, line, openAndBind, openInput } from './support';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
beforeEach(() => db.pool.query('truncate stripe_pace'));
afterAll(() => db.drop());

const take = (perSecond: number, waitMsMax: number, checkoutId: string = randomUUID()) =>
  beginCreate(db.pool, { checkoutId, perSecond, waitMsMax });

const waitOf = (slot: CreateSlot) => (slot.outcome === 'too_late' ? NaN : slot.waitMs);

test('fifty at once, on a table that a crash has emptied: fifty instants, a twentieth of a second apart', async () => {
  const slots = await Promise.all(Array.from({ length: 50 }, () => take(20, 10_000)));
  expect(slots.every(({ outcome }) => outcome === 'taken')).toBe(true);
  const { rows } = await db.pool.query<{ ahead_ms: number }>(
    `select extract(epoch from next_at - clock_timestamp())::float * 1000 as ahead_ms from stripe_pace`,
  );
  // The first went at once; the fifty-first may go 2.5 s after it, less the time this test has taken.
  expect(rows[0]?.ahead_ms).toBeGreaterThan(1_000);
  expect(rows[0]?.ahead_ms).toBeLessThanOrEqual(2_500);
  const waits = slots.map(waitOf).toSorted((a, b) => a - b);
  expect(waits[0]).toBe(0);
  expect(waits.at(-1)).toBeGreaterThan(1_000);
});

test('too far ahead, nothing is taken, and the next who can wait gets that instant', async () => {
  expect(await take(1, 0)).toEqual({ outcome: 'taken', waitMs: 0 });
  const refused = await take(1, 100);
  expect(refused).toMatchObject({ outcome: 'later' });
  expect(waitOf(refused)).toBeGreaterThan(100);
  const next = await take(1, 1_000);
  expect(next.outcome).toBe('taken');
  expect(waitOf(next)).toBeLessThanOrEqual(waitOf(refused));
  expect((await take(1, 1_000)).outcome).toBe('later');
});

test('after a pause nothing has been saved up', async () => {
  await take(2, 0);
  await db.pool.query(`update stripe_pace set next_at = next_at - interval '1 hour'`);
  expect(await take(2, 0)).toEqual({ outcome: 'taken', waitMs: 0 });
  expect((await take(2, 0)).outcome).toBe('later');
});

test('past its deadline a checkout gets no first payment, and takes no instant from others; a bound one is let through', async () => {
  const productId = await createProduct(db.pool, { total: 2 });
  const unbound = openInput([line(productId)]);
  await openCheckout(db.pool, unbound);
  await ageCheckout(db.pool, unbound.checkoutId, 301);
  expect(await take(1, 0, unbound.checkoutId)).toEqual({ outcome: 'too_late' });
  const { checkoutId } = await openAndBind(db.pool, [line(productId)]);
  await ageCheckout(db.pool, checkoutId, 301);
  expect(await take(1, 0, checkoutId)).toEqual({ outcome: 'taken', waitMs: 0 });
});
