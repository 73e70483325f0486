// What confirm and release answer beside the ending: events that were stored, and that nobody was told of.
import { confirmCheckouts } from '../../db/checkout-batches';
import { confirmCheckout, releaseCheckout } from '../../db/checkouts';
import { markForwarded, storeEvent } from '../../db/inbox';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { createProduct, expectNoDrift, line, openAndBind, type BoundCheckout } from './support';

let db: TestDatabase;
let product: string;

beforeAll(async () => {
  db = await createTestDatabase();
  product = await createProduct(db.pool, { total: 100 });
});
afterAll(() => db.drop());

/** Stored a minute ago unless it is young. */
async function store(
  { checkoutId, paymentIntentId }: BoundCheckout,
  name: string,
  { isYoung = false, type = 'payment_intent.processing' } = {},
): Promise<string> {
  const eventId = `evt_${name}_${checkoutId}`;
  await storeEvent(db.pool, {
    eventId, type, livemode: false, createdUnixSeconds: 1, paymentIntentId, checkoutId, payload: {}, signal: null,
    outcome: null, reason: null,
  }); // prettier-ignore
  if (!isYoung) {
    await db.pool.query(
      `update webhook_events set received_at = received_at - interval '1 minute' where event_id = $1`,
      [eventId],
    );
  }
  return eventId;
}

/** A bound checkout with events of each kind; only one of them is unheard. */
async function withEvents(): Promise<{ bound: BoundCheckout; unheard: string }> {
  const bound = await openAndBind(db.pool, [line(product)]);
  await store(bound, 'young', { isYoung: true });
  await store(bound, 'of_money', { type: 'refund.updated' });
  await markForwarded(db.pool, await store(bound, 'forwarded'));
  return { bound, unheard: await store(bound, 'unheard') };
}

const paid = (bound: BoundCheckout) => ({ ...bound, eventIds: [] });

test('confirm names them, singly and for each member of a batch', async () => {
  const [single, first, second] = [await withEvents(), await withEvents(), await withEvents()];
  const plain = await openAndBind(db.pool, [line(product)]);
  expect((await confirmCheckout(db.pool, paid(single.bound))).unheardEventIds).toEqual([single.unheard]);
  const batch = await confirmCheckouts(db.pool, [paid(first.bound), paid(plain), paid(second.bound)]);
  expect(batch.map((one) => [one?.status, one?.unheardEventIds])).toEqual([
    ['confirmed', [first.unheard]],
    ['confirmed', []],
    ['confirmed', [second.unheard]],
  ]);
  await expectNoDrift(db.pool);
});

test('release names them, also when it runs again', async () => {
  const { bound, unheard } = await withEvents();
  const { checkoutId } = bound;
  for (let runs = 0; runs < 2; runs += 1) {
    const ended = await releaseCheckout(db.pool, {
      checkoutId,
      status: 'canceled',
      failureCode: null,
      eventIds: [],
    });
    expect(ended).toMatchObject({ status: 'canceled', unheardEventIds: [unheard] });
  }
  await expectNoDrift(db.pool);
});
