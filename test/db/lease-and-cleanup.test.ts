// The lease: who keeps units, until when, and what protects them after it has lapsed.
import { confirmCheckout, openCheckout, readCheckout, releaseCheckout, renewLease } from '../../db/checkouts';
import { cleanupExpiredReservations } from '../../db/cleanup';
import { storeEvent } from '../../db/inbox';
import { ageCheckout, createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import {
  available,
  createProduct,
  expectNoDrift,
  GRACE_SECONDS,
  HOLD_MAX_SECONDS,
  line,
  openAndBind,
  openInput,
  unitsByStatus,
  untilWaiting,
  WINDOW_SECONDS,
} from './support';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterEach(() => expectNoDrift(db.pool));
afterAll(() => db.drop());

function renew(checkoutId: string) {
  return renewLease(db.pool, {
    checkoutId,
    reclaimGraceSeconds: GRACE_SECONDS,
    holdMaxSeconds: HOLD_MAX_SECONDS,
  });
}

async function openOne(total = 1) {
  const product = await createProduct(db.pool, { total });
  return { product, ...(await openAndBind(db.pool, [line(product)])) };
}

test('cleanup leaves a hold alone between its deadline and the end of its lease', async () => {
  const { product, checkoutId } = await openOne();
  await ageCheckout(db.pool, checkoutId, WINDOW_SECONDS + 5);
  expect(await cleanupExpiredReservations(db.pool)).toBe(0);
  expect(await unitsByStatus(db.pool, product)).toEqual({ held: 1 });
  await ageCheckout(db.pool, checkoutId, GRACE_SECONDS);
  expect(await cleanupExpiredReservations(db.pool)).toBe(1);
  expect(await unitsByStatus(db.pool, product)).toEqual({ expired: 1 });
});

test('cleanup says nothing about the checkout: its status is the saga’s', async () => {
  const { checkoutId } = await openOne();
  await ageCheckout(db.pool, checkoutId, 10_000);
  await cleanupExpiredReservations(db.pool);
  expect(await readCheckout(db.pool, checkoutId)).toMatchObject({
    status: 'awaiting_payment',
    isPayable: false,
  });
});

test('renewing keeps a lapsed hold for another grace and reports that the grace was exceeded', async () => {
  const { product, checkoutId, paymentIntentId } = await openOne();
  await ageCheckout(db.pool, checkoutId, WINDOW_SECONDS + GRACE_SECONDS + 5);
  expect(await renew(checkoutId)).toEqual({
    paymentIntentId,
    status: 'awaiting_payment',
    renewed: true,
    graceExceeded: true,
    holdMaxReached: false,
  });
  expect(await cleanupExpiredReservations(db.pool)).toBe(0);
  expect(await leaseSecondsAhead(checkoutId)).toBeGreaterThan(GRACE_SECONDS - 5);
  expect(await unitsByStatus(db.pool, product)).toEqual({ held: 1 });
});

test('renewing early never shortens a lease', async () => {
  const { checkoutId } = await openOne();
  expect(await renew(checkoutId)).toMatchObject({ renewed: true, graceExceeded: false });
  expect(await leaseSecondsAhead(checkoutId)).toBeGreaterThan(WINDOW_SECONDS + GRACE_SECONDS - 5);
});

test('renewing stops at the longest time a hold may last', async () => {
  const { checkoutId } = await openOne();
  await ageCheckout(db.pool, checkoutId, WINDOW_SECONDS + HOLD_MAX_SECONDS);
  expect(await renew(checkoutId)).toMatchObject({ renewed: false, holdMaxReached: true });
  expect(await cleanupExpiredReservations(db.pool)).toBe(1);
});

test('units that were taken back, and closed checkouts, are not renewed', async () => {
  const taken = await openOne();
  await ageCheckout(db.pool, taken.checkoutId, 10_000);
  await cleanupExpiredReservations(db.pool);
  expect(await renew(taken.checkoutId)).toMatchObject({ renewed: false, status: 'awaiting_payment' });
  const closed = await openOne();
  await confirmCheckout(db.pool, { ...closed, eventIds: [] });
  expect(await renew(closed.checkoutId)).toMatchObject({ renewed: false, status: 'confirmed' });
});

describe.each([
  'payment_intent.succeeded',
  'payment_intent.amount_capturable_updated',
  'payment_intent.processing',
])('an unjudged %s', (type) => {
  test('protects the units from cleanup and from buyers until it is judged', async () => {
    const { product, checkoutId } = await openOne();
    const eventId = `evt_${checkoutId}`;
    await storeEvent(db.pool, eventOf(checkoutId, eventId, type));
    await ageCheckout(db.pool, checkoutId, 10_000);
    expect(await cleanupExpiredReservations(db.pool)).toBe(0);
    expect(await openCheckout(db.pool, openInput([line(product)]))).toMatchObject({ outcome: 'closed' });
    await releaseCheckout(db.pool, { checkoutId, status: 'expired', failureCode: null, eventIds: [eventId] });
    expect(await openCheckout(db.pool, openInput([line(product)]))).toMatchObject({ outcome: 'opened' });
  });
});

test('an unjudged decline protects nothing, nor does a judged success', async () => {
  const declined = await openOne();
  await storeEvent(db.pool, eventOf(declined.checkoutId, 'evt_declined', 'payment_intent.payment_failed'));
  const judged = await openOne();
  await storeEvent(db.pool, {
    ...eventOf(judged.checkoutId, 'evt_judged', 'payment_intent.succeeded'),
    outcome: 'ignored',
    reason: 'test',
  });
  for (const { checkoutId } of [declined, judged]) await ageCheckout(db.pool, checkoutId, 10_000);
  expect(await cleanupExpiredReservations(db.pool)).toBe(2);
});

test('cleanup passes over a hold that its own checkout is working on', async () => {
  const { product, checkoutId } = await openOne();
  await ageCheckout(db.pool, checkoutId, 10_000);
  const saga = await db.pool.connect();
  try {
    await saga.query('begin');
    await saga.query('select * from renew_lease($1, $2, $3)', [checkoutId, GRACE_SECONDS, HOLD_MAX_SECONDS]);
    expect(await cleanupExpiredReservations(db.pool)).toBe(0);
    await saga.query('commit');
  } finally {
    saga.release();
  }
  expect(await unitsByStatus(db.pool, product)).toEqual({ held: 1 });
});

test('a renewal that waited for a reclaim is not told that it kept the units', async () => {
  const { product, checkoutId } = await openOne();
  await ageCheckout(db.pool, checkoutId, 10_000);
  const cleaner = await db.pool.connect();
  try {
    await cleaner.query('begin');
    await cleaner.query('select cleanup_expired_reservations()');
    const renewing = renew(checkoutId);
    await untilWaiting(db.pool, 1);
    await cleaner.query('commit');
    expect(await renewing).toMatchObject({ renewed: false });
  } finally {
    cleaner.release();
  }
  expect(await available(db.pool, product)).toBe(1);
});

function eventOf(checkoutId: string, eventId: string, type: string) {
  return {
    eventId,
    type,
    livemode: false,
    createdUnixSeconds: 1_700_000_000,
    paymentIntentId: null,
    checkoutId,
    payload: {},
    signal: null,
    outcome: null,
    reason: null,
  };
}

async function leaseSecondsAhead(checkoutId: string): Promise<number> {
  const { rows } = await db.pool.query<{ seconds: number }>(
    `select extract(epoch from min(reclaim_after) - clock_timestamp())::float8 as seconds
     from inventory_reservations where checkout_id = $1`,
    [checkoutId],
  );
  return rows[0]?.seconds ?? Number.NaN;
}
