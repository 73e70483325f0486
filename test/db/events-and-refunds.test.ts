// The records around a checkout: inbox, attempts, incidents, refunds, drops, and whose database this is.
import { randomUUID } from 'node:crypto';

import {
  closeEvents,
  confirmCheckout,
  findCheckoutByPaymentIntent,
  readCheckout,
  recordDecline,
  recordProcessing,
  releaseCheckout,
} from '../../db/checkouts';
import { listDrops, readDrop } from '../../db/drops';
import { listUnjudgedEventIds, markForwarded, storeEvent } from '../../db/inbox';
import type { NewEvent } from '../../db/inbox';
import { listOpenIncidents, openIncident } from '../../db/incidents';
import { claimInstallation, readHoldfastEnv } from '../../db/installation';
import { advanceRefund, listPendingRefunds, recordRefund } from '../../db/refunds';
import { DEMO_DROP_ID, DEMO_PRODUCTS, seedDemoDrop } from '../../db/seed';
import { createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import { createProduct, expectNoDrift, line, openAndBind } from './support';
import type { BoundCheckout } from './support';

let db: TestDatabase;
let product: string;
beforeAll(async () => {
  db = await createTestDatabase();
  product = await createProduct(db.pool, { total: 1_000 });
});
afterEach(() => expectNoDrift(db.pool));
afterAll(() => db.drop());

function event(checkoutId: string | null, type = 'payment_intent.succeeded'): NewEvent {
  return {
    eventId: `evt_${randomUUID()}`,
    type,
    livemode: false,
    createdUnixSeconds: 1_700_000_000,
    paymentIntentId: null,
    checkoutId,
    payload: { id: 'evt', note: 'it’s stored as it came' },
    signal: null,
    outcome: null,
    reason: null,
  };
}

async function outcomesOf(...events: NewEvent[]): Promise<(string | null)[]> {
  const { rows } = await db.pool.query<{ event_id: string; outcome: string | null }>(
    'select event_id, outcome from webhook_events where event_id = any ($1)',
    [events.map((one) => one.eventId)],
  );
  return events.map((one) => rows.find((row) => row.event_id === one.eventId)?.outcome ?? null);
}

describe('inbox', () => {
  test('an event delivered fifty times at once is stored once', async () => {
    const delivered = event(randomUUID());
    const stored = await Promise.all(Array.from({ length: 50 }, () => storeEvent(db.pool, delivered)));
    expect(stored.filter((one) => one.isNew)).toHaveLength(1);
  });

  test('a redelivery learns whether it was forwarded and judged', async () => {
    const { checkoutId, paymentIntentId } = await openAndBind(db.pool, [line(product)]);
    const delivered = event(checkoutId);
    await storeEvent(db.pool, delivered);
    expect(await storeEvent(db.pool, delivered)).toEqual({ isNew: false, forwardedAt: null, outcome: null });
    await markForwarded(db.pool, delivered.eventId);
    await confirmCheckout(db.pool, { checkoutId, paymentIntentId, eventIds: [delivered.eventId] });
    const again = await storeEvent(db.pool, delivered);
    expect(again).toMatchObject({ isNew: false, outcome: 'confirmed' });
    expect(again.forwardedAt).toBeInstanceOf(Date);
  });

  test('acting on events and judging them are one transaction; the first outcome stays', async () => {
    const checkout = await openAndBind(db.pool, [line(product)]);
    const [first, second, other] = [
      event(checkout.checkoutId),
      event(checkout.checkoutId),
      event(randomUUID()),
    ];
    for (const one of [first, second, other]) await storeEvent(db.pool, one);
    expect((await listUnjudgedEventIds(db.pool, checkout.checkoutId, 'payment')).toSorted()).toEqual(
      [first.eventId, second.eventId].toSorted(),
    );
    const eventIds = [first.eventId, other.eventId];
    await confirmCheckout(db.pool, { ...checkout, eventIds });
    expect(await outcomesOf(first, second, other)).toEqual(['confirmed', null, null]);
    expect(await closeEvents(db.pool, { checkoutId: checkout.checkoutId, eventIds })).toEqual({
      unjudged: 1,
    });
    const rest = { checkoutId: checkout.checkoutId, eventIds: [second.eventId] };
    expect(await closeEvents(db.pool, rest)).toEqual({ unjudged: 0 });
    expect(await outcomesOf(first, second, other)).toEqual(['confirmed', 'no_effect', null]);
  });

  test('an event stored as ignored carries its reason and is judged', async () => {
    const ignored = { ...event(null), outcome: 'ignored' as const, reason: 'other_holdfast_env' };
    expect(await storeEvent(db.pool, ignored)).toEqual({
      isNew: true,
      forwardedAt: null,
      outcome: 'ignored',
    });
  });
});

describe('attempts', () => {
  test('one attempt told by several events counts once, and the last new decline is shown', async () => {
    const { checkoutId } = await openAndBind(db.pool, [line(product)]);
    const told = [event(checkoutId), event(checkoutId), event(checkoutId)];
    for (const one of told) await storeEvent(db.pool, one);
    const decline = (n: number, id: string, declineCode: string) =>
      recordDecline(db.pool, {
        checkoutId,
        eventId: told[n]?.eventId ?? '',
        attempt: { id, code: 'card_declined', declineCode, adviceCode: null },
      });
    expect(await decline(0, 'ch_1', 'generic_decline')).toEqual({ attempts: 1 });
    expect(await decline(1, 'ch_2', 'insufficient_funds')).toEqual({ attempts: 2 });
    expect(await decline(2, 'ch_1', 'generic_decline')).toEqual({ attempts: 2 });
    expect(await readCheckout(db.pool, checkoutId)).toMatchObject({
      attempts: 2,
      lastDecline: { code: 'card_declined', declineCode: 'insufficient_funds' },
      status: 'awaiting_payment',
    });
    expect(await outcomesOf(...told)).toEqual(['attempt', 'attempt', 'attempt']);
  });

  test('processing and back: a new decline returns to awaiting_payment, a known one does not', async () => {
    const { checkoutId } = await openAndBind(db.pool, [line(product)]);
    const attempt = { id: 'ch_1', code: null, declineCode: null, adviceCode: null };
    const statusNow = async () => (await readCheckout(db.pool, checkoutId))?.status;
    await recordProcessing(db.pool, { checkoutId, eventId: 'evt_p1' });
    expect(await statusNow()).toBe('payment_processing');
    await recordDecline(db.pool, { checkoutId, eventId: 'evt_d1', attempt });
    expect(await statusNow()).toBe('awaiting_payment');
    await recordProcessing(db.pool, { checkoutId, eventId: 'evt_p2' });
    await recordDecline(db.pool, { checkoutId, eventId: 'evt_d2', attempt });
    expect(await statusNow()).toBe('payment_processing');
  });

  test('processing told after the end changes nothing', async () => {
    const { checkoutId } = await openAndBind(db.pool, [line(product)]);
    await releaseCheckout(db.pool, { checkoutId, status: 'canceled', failureCode: null, eventIds: [] });
    await recordProcessing(db.pool, { checkoutId, eventId: 'evt_late' });
    expect((await readCheckout(db.pool, checkoutId))?.status).toBe('canceled');
  });
});

describe('refunds', () => {
  async function refundDue(): Promise<BoundCheckout & { requestKey: string }> {
    const single = await createProduct(db.pool, { total: 1 });
    const late = await openAndBind(db.pool, [line(single)]);
    await releaseCheckout(db.pool, {
      checkoutId: late.checkoutId,
      status: 'expired',
      failureCode: null,
      eventIds: [],
    });
    await openAndBind(db.pool, [line(single)]);
    await confirmCheckout(db.pool, { ...late, eventIds: [] });
    return { ...late, requestKey: `late:${late.checkoutId}` };
  }

  test('succeeded moves the checkout to refunded, once; the buyer sees the refund', async () => {
    const { checkoutId, requestKey } = await refundDue();
    const answer = { requestKey, stripeRefundId: `re_${checkoutId}`, failureReason: null };
    await recordRefund(db.pool, { ...answer, state: 'pending' });
    expect(await listPendingRefunds(db.pool, checkoutId)).toMatchObject([
      { stripeRefundId: answer.stripeRefundId },
    ]);
    for (let n = 0; n < 2; n += 1) await recordRefund(db.pool, { ...answer, state: 'succeeded' });
    await recordRefund(db.pool, { ...answer, state: 'pending' });
    expect(await listPendingRefunds(db.pool, checkoutId)).toEqual([]);
    expect(await readCheckout(db.pool, checkoutId)).toMatchObject({
      status: 'refunded',
      refund: { state: 'succeeded', amountMinor: 1_000 },
    });
  });

  test('failed leaves the checkout waiting for a person', async () => {
    const { checkoutId, requestKey } = await refundDue();
    await recordRefund(db.pool, {
      requestKey,
      stripeRefundId: `re_${checkoutId}`,
      state: 'failed',
      failureReason: 'lost_or_stolen_card',
    });
    expect(await readCheckout(db.pool, checkoutId)).toMatchObject({
      status: 'refund_pending',
      refund: { state: 'failed' },
    });
  });

  test('n advances once for one answer, however many report it', async () => {
    const { requestKey } = await refundDue();
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => advanceRefund(db.pool, { requestKey, n: 0 })),
    );
    expect(answers).toEqual(Array(5).fill({ n: 1 }));
    expect(await advanceRefund(db.pool, { requestKey, n: 1 })).toEqual({ n: 2 });
    await expect(advanceRefund(db.pool, { requestKey: 'late:nobody', n: 0 })).rejects.toMatchObject({
      reason: 'not_found',
    });
  });
});

describe('incidents', () => {
  test('one stays open per checkout and kind; resolved, the next may open', async () => {
    const checkoutId = randomUUID();
    const report = (kind: string) => openIncident(db.pool, { checkoutId, kind, detail: { n: 1 } });
    await Promise.all([report('stuck'), report('stuck'), report('other')]);
    const open = async () =>
      (await listOpenIncidents(db.pool))
        .filter((one) => one.checkoutId === checkoutId)
        .map((one) => one.kind);
    expect((await open()).toSorted()).toEqual(['other', 'stuck']);
    await db.pool.query('update incidents set resolved_at = clock_timestamp() where checkout_id = $1', [
      checkoutId,
    ]);
    await report('stuck');
    expect(await open()).toEqual(['stuck']);
  });

  test('those of no checkout are one per kind as well', async () => {
    for (let n = 0; n < 2; n += 1) {
      await openIncident(db.pool, { checkoutId: null, kind: 'stripe_key_refused', detail: {} });
    }
    const open = await listOpenIncidents(db.pool);
    expect(open.filter((one) => one.kind === 'stripe_key_refused')).toHaveLength(1);
  });
});

describe('drops', () => {
  test('the demo drop can be seeded again and shows its products', async () => {
    await seedDemoDrop(db.pool);
    const drop = await readDrop(db.pool, DEMO_DROP_ID);
    expect(drop).toMatchObject({ id: DEMO_DROP_ID, currency: 'usd', closesAt: null });
    expect(drop?.products.map((one) => [one.id, one.unitPriceMinor, one.total, one.available])).toEqual(
      Object.values(DEMO_PRODUCTS).map((one) => [one.id, one.unitPriceMinor, one.total, one.total]),
    );
    expect((await listDrops(db.pool)).map((one) => one.id)).toContain(DEMO_DROP_ID);
    expect(await readDrop(db.pool, randomUUID())).toBeNull();
  });

  test('a checkout is found by its PaymentIntent', async () => {
    const { checkoutId, paymentIntentId } = await openAndBind(db.pool, [line(product)]);
    expect(await findCheckoutByPaymentIntent(db.pool, paymentIntentId)).toBe(checkoutId);
    expect(await findCheckoutByPaymentIntent(db.pool, 'pi_of_somebody_else')).toBeNull();
  });
});

describe('installation', () => {
  test('is claimed once, by the first of many, and refuses another account or namespace', async () => {
    const own = { stripeAccount: 'acct_1', temporalNamespace: 'default' };
    const claims = await Promise.all(Array.from({ length: 10 }, () => claimInstallation(db.pool, own)));
    expect(claims).toEqual(Array(10).fill({ holdfastEnv: db.holdfastEnv }));
    await expect(claimInstallation(db.pool, { ...own, stripeAccount: 'acct_2' })).rejects.toThrow(
      'belongs to Stripe account "acct_1", not to "acct_2"',
    );
    await expect(claimInstallation(db.pool, { ...own, temporalNamespace: 'b' })).rejects.toThrow(
      'belongs to Temporal namespace "default", not to "b"',
    );
  });

  test('draws its own id when nobody has claimed it', async () => {
    await db.pool.query('delete from installation');
    expect(await readHoldfastEnv(db.pool)).toBeNull();
    const { holdfastEnv } = await claimInstallation(db.pool, { stripeAccount: 'a', temporalNamespace: 'b' });
    expect(holdfastEnv).toMatch(/^[0-9a-f]{32}$/);
    expect(await readHoldfastEnv(db.pool)).toBe(holdfastEnv);
  });
});
