// Open in batches: the same rows and answers as one by one, exact inside one batch, and no member harms another.
import { randomUUID } from 'node:crypto';

import { openCheckouts } from '../../db/checkout-batches';
import { closeUnboundCheckout, confirmCheckout, openCheckout, readCheckout } from '../../db/checkouts';
import type { OpenInput, OpenOutcome } from '../../db/checkouts';
import { withTransaction } from '../../db/pool';
import { ageCheckout, createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import {
  available,
  createDrop,
  createProduct,
  createProducts,
  expectNoDrift,
  failureOf,
  line,
  openAndBind,
  openInput,
  required,
  stateOf,
  unitsByStatus,
} from './support';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterEach(() => expectNoDrift(db.pool));
afterAll(() => db.drop());

const failures = (outcomes: (OpenOutcome | null)[]) =>
  outcomes.map((outcome) => (outcome === null ? 'single' : (failureOf(outcome) ?? outcome.outcome)));

/** One row of each table a checkout has, without what differs between any two. */
async function rowsOf(checkoutId: string, names: Record<string, string>): Promise<unknown> {
  const { rows } = await db.pool.query<{ state: object }>(
    `select jsonb_build_object(
       'checkout', (select to_jsonb(c) - '{id,opened_at,expires_at,updated_at,closed_at}'::text[]
         || jsonb_build_object('window', extract(epoch from expires_at - opened_at)) from checkouts c where id = $1),
       'lines', (select jsonb_agg(to_jsonb(l) - 'checkout_id' order by quantity) from checkout_lines l where checkout_id = $1),
       'reservations', (select jsonb_agg(to_jsonb(r) - '{id,checkout_id,payment_intent_id,expires_at,created_at,reclaim_after}'::text[]
         || jsonb_build_object('lease', extract(epoch from reclaim_after - expires_at), 'own', payment_intent_id = 'checkout:' || checkout_id) order by quantity) from inventory_reservations r where checkout_id = $1)) as state`,
    [checkoutId],
  );
  let text = JSON.stringify(required(rows[0]).state);
  for (const [id, name] of Object.entries(names)) text = text.replaceAll(id, name);
  return JSON.parse(text);
}

/** A shop with something for every answer, and one order for each. Ids differ, names do not. */
async function everyKind(): Promise<{ inputs: OpenInput[]; names: Record<string, string> }> {
  const plenty = await createProduct(db.pool, { total: 100 });
  const few = await createProduct(db.pool, { total: 2 });
  const limited = await createProduct(db.pool, { total: 100, maxPerCustomer: 2 });
  const euros = await createProduct(db.pool, {
    total: 9,
    dropId: await createDrop(db.pool, { currency: 'eur' }),
  });
  const later = await createProduct(db.pool, {
    total: 9,
    dropId: await createDrop(db.pool, { opensIn: '1 hour' }),
  });
  const cheap = await createProduct(db.pool, { total: 9, unitPriceMinor: 1 });
  const dear = await createProduct(db.pool, { total: 9, unitPriceMinor: 99_999_999 });
  const unknown = randomUUID();
  await db.pool.query(`update drops set opens_at = '2100-01-01' where opens_at > clock_timestamp()`);
  const customer = `buyer ${randomUUID()}`;
  const orders: [OpenInput['lines'], Partial<OpenInput>?][] = [
    [[line(plenty, 2)]],
    [
      [line(plenty), line(few), line(plenty)],
      { windowSeconds: 60, reclaimGraceSeconds: 7, paymentAttemptsMax: 1 },
    ],
    [[line(few, 2)]],
    [[line(few)]],
    [[line(plenty), line(unknown)]],
    [[line(plenty), line(euros)]],
    [[line(later)]],
    [[line(cheap)]],
    [[line(dear, 2)]],
    [[line(limited, 3)]],
    [[line(limited)], { customerId: customer }],
    [[line(limited, 2)], { customerId: customer }],
    [[line(limited)], { customerId: customer }],
  ];
  const ids = { plenty, few, limited, euros, later, cheap, dear, unknown, customer };
  return {
    inputs: orders.map(([lines, rest]) => openInput(lines, rest)),
    names: Object.fromEntries(Object.entries(ids).map(([name, id]) => [id, name])),
  };
}

test('rows and answers are those of the single function, for every kind of order', async () => {
  const alone = await everyKind();
  const singly: OpenOutcome[] = [];
  for (const input of alone.inputs) singly.push(await openCheckout(db.pool, input));
  const together = await everyKind();
  const batch = await openCheckouts(db.pool, together.inputs);
  expect(failures(batch)).toEqual([
    'opened', 'opened', 'insufficient_inventory', 'opened', 'unknown_product', 'mixed_currency', 'drop_not_open',
    'amount_too_small', 'amount_too_large', 'purchase_limit_reached', 'opened', 'purchase_limit_reached', 'opened',
  ]); // prettier-ignore
  for (const [index, input] of together.inputs.entries()) {
    const single = required(alone.inputs[index]);
    expect(await rowsOf(input.checkoutId, together.names)).toEqual(
      await rowsOf(single.checkoutId, alone.names),
    );
    const own = { reservationIds: expect.any(Array), openedAtUnixSeconds: expect.any(Number) };
    expect(singly[index]).toMatchObject({ ...batch[index], ...(batch[index]?.outcome === 'opened' && own) });
    const rows = await openCheckout(db.pool, input);
    expect(rows).toEqual(batch[index]);
  }
});

test('first come, first served: a large order that is short does not stop a small one behind it', async () => {
  const product = await createProduct(db.pool, { total: 5 });
  const orders = [3, 4, 2, 1].map((quantity) => openInput([line(product, quantity)]));
  const answers = await openCheckouts(db.pool, orders);
  expect(failures(answers)).toEqual(['opened', 'insufficient_inventory', 'opened', 'insufficient_inventory']);
  expect((await readCheckout(db.pool, required(orders[1]).checkoutId))?.failureDetail).toMatchObject({
    requested: 4,
    available: 2,
  });
});

/** Each with units enough for everybody, so that the batch as a whole looks as if it could be served. */
test.each<[string, (good: string) => Promise<OpenInput>]>([
  ['purchase_limit_reached', async () => openInput([line(await createProduct(db.pool, { total: 9, maxPerCustomer: 2 }), 3)])],
  ['purchase_limit_reached', async () => {
    const limited = await createProduct(db.pool, { total: 9, maxPerCustomer: 2 });
    const customer = { customerId: `has two ${limited}` };
    await openAndBind(db.pool, [line(limited, 2)], customer);
    return openInput([line(limited)], customer);
  }],
  ['too_many_open_checkouts', async (good) => {
    const customer = { customerId: `has ten ${good}` };
    for (let n = 0; n < 10; n += 1) await openAndBind(db.pool, [line(good)], customer);
    return openInput([line(good)], customer);
  }],
  ['mixed_currency', async (good) =>
    openInput([line(good), line(await createProduct(db.pool, { total: 9, dropId: await createDrop(db.pool, { currency: 'eur' }) }))])],
  ['amount_too_small', async () => openInput([line(await createProduct(db.pool, { total: 9, unitPriceMinor: 1 }))])],
  ['amount_too_large', async () => openInput([line(await createProduct(db.pool, { total: 9, unitPriceMinor: 99_999_999 }), 2)])],
  ['drop_not_open', async () =>
    openInput([line(await createProduct(db.pool, { total: 9, dropId: await createDrop(db.pool, { opensIn: '1 hour' }) }))])],
  ['unknown_product', async (good) => openInput([line(good), line(randomUUID())])],
])('%s among neighbours who can all be served', async (code, faulty) => {
  const good = await createProduct(db.pool, { total: 50 });
  const wrong = await faulty(good);
  const free = await available(db.pool, good);
  const orders = [openInput([line(good)], { customerId: `first ${good}` }), wrong, openInput([line(good, 2)])];
  expect(failures(await openCheckouts(db.pool, orders))).toEqual(['opened', code, 'opened']);
  expect(await available(db.pool, good)).toBe(free - 3);
}); // prettier-ignore

test('one update per product, one journal row per product, whatever the size of the batch', async () => {
  const products = await createProducts(db.pool, 2, { total: 500 });
  const orders = Array.from({ length: 200 }, (_, n) =>
    openInput(n % 2 === 0 ? products.map((id) => line(id)) : products.toReversed().map((id) => line(id))),
  );
  const counts = await withTransaction(db.pool, async (client) => {
    const read = async () => {
      const { rows } = await client.query<{ updates: number; journal: number }>(
        `select (select n_tup_upd::integer from pg_stat_xact_user_tables where relname = 'drop_products') as updates,
           (select n_tup_ins::integer from pg_stat_xact_user_tables where relname = 'inventory_journal') as journal`,
      );
      return required(rows[0]);
    };
    const before = await read();
    await openCheckouts(client, orders);
    const after = await read();
    return { updates: after.updates - before.updates, journal: after.journal - before.journal };
  });
  expect(counts).toEqual({ updates: 2, journal: 2 });
  expect(await available(db.pool, required(products[0]))).toBe(300);
});

test('the limit per customer is exact inside one batch, and with what the customer has already', async () => {
  const product = await createProduct(db.pool, { total: 50, maxPerCustomer: 3 });
  const customer = { customerId: 'in one batch' };
  const paid = await openAndBind(db.pool, [line(product)], customer);
  await confirmCheckout(db.pool, { ...paid, eventIds: [] });
  const orders = Array.from({ length: 6 }, () => openInput([line(product)], customer));
  orders.splice(2, 0, openInput([line(product)], { customerId: 'somebody else' }));
  expect(failures(await openCheckouts(db.pool, orders))).toEqual([
    'opened', 'opened', 'opened', 'purchase_limit_reached', 'purchase_limit_reached', 'purchase_limit_reached',
    'purchase_limit_reached',
  ]); // prettier-ignore
});

test("an abandoned checkout's dead hold uses up no limit, and dead holds of others are taken back when units are short", async () => {
  const product = await createProduct(db.pool, { total: 3, maxPerCustomer: 1 });
  const customer = { customerId: 'came back in a batch' };
  const mine = await openAndBind(db.pool, [line(product)], customer);
  const others = [await openAndBind(db.pool, [line(product)]), await openAndBind(db.pool, [line(product)])];
  for (const { checkoutId } of [mine, ...others]) await ageCheckout(db.pool, checkoutId, 10_000);
  const orders = [
    openInput([line(product)], customer),
    openInput([line(product)]),
    openInput([line(product)]),
  ];
  expect(failures(await openCheckouts(db.pool, orders))).toEqual(['opened', 'opened', 'opened']);
  expect(await unitsByStatus(db.pool, product)).toEqual({ expired: 3, held: 3 });
});

test('a known checkout is answered from its row; a tombstone stays closed', async () => {
  const product = await createProduct(db.pool, { total: 9 });
  const bound = await openAndBind(db.pool, [line(product)]);
  const dead = openInput([line(product)]);
  const { checkoutId, requestFingerprint } = dead;
  await closeUnboundCheckout(db.pool, { checkoutId, requestFingerprint, failureCode: 'checkout_not_opened' });
  const before = await stateOf(db.pool, bound.checkoutId);
  const answers = await openCheckouts(db.pool, [
    openInput([line(product, 7)], { checkoutId: bound.checkoutId }),
    dead,
  ]);
  expect(answers).toMatchObject([
    { outcome: 'opened', paymentIntentId: bound.paymentIntentId },
    { outcome: 'closed', status: 'refused', failureCode: 'checkout_not_opened' },
  ]);
  expect(await stateOf(db.pool, bound.checkoutId)).toEqual(before);
});

test('what does not suit a batch is left for the single function, and its neighbours are served', async () => {
  const product = await createProduct(db.pool, { total: 99 });
  const known = openInput([line(product)]);
  await openCheckout(db.pool, known);
  const twice = openInput([line(product)]);
  const good = () => openInput([line(product)]);
  const answers = await openCheckouts(db.pool, [
    good(),
    { ...known, requestFingerprint: 'another request' },
    openInput([line(product)], { checkoutId: 'no uuid' }),
    openInput([line('no uuid')]),
    openInput([line(product, 0)]),
    openInput([line(product, 1.5)]),
    openInput([]),
    openInput([line(product)], { customerId: 'x'.repeat(201) }),
    openInput([line(product)], { windowSeconds: 0 }),
    twice,
    { ...twice, lines: [line(product, 2)] },
    good(),
  ]);
  expect(failures(answers)).toEqual([
    'opened',
    ...Array.from({ length: 8 }, () => 'single'),
    'opened',
    'single',
    'opened',
  ]);
  expect(await available(db.pool, product)).toBe(99 - 4);
});

test('the window begins after the locks: who waited still gets all of it', async () => {
  const product = await createProduct(db.pool, { total: 9 });
  const order = openInput([line(product)]);
  const other = openInput([line(product)]);
  const lockedUntil = await withTransaction(db.pool, async (client) => {
    await client.query('select 1 from drop_products where id = $1 for no key update', [product]);
    const opening = openCheckouts(db.pool, [order, other]);
    await client.query('select pg_sleep(0.2)');
    const { rows } = await client.query<{ at: Date }>('select clock_timestamp() as at');
    void opening.catch(() => undefined);
    return { at: required(rows[0]).at, opening };
  });
  await lockedUntil.opening;
  const expiresAt = (await readCheckout(db.pool, order.checkoutId))?.expiresAt?.getTime() ?? 0;
  expect(expiresAt).toBeGreaterThanOrEqual(lockedUntil.at.getTime() + 300_000);
});
