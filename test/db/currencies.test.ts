// What an amount means is settled before anything is held: currencies whose minor unit Stripe handles in a way of its own
// are never on sale, and the others have Stripe's number of digits.
import { openCheckout } from '../../db/checkouts';
import { toDatabaseError } from '../../db/errors';
import { createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import { available, createDrop, createProduct, failureOf, line, openInput } from './support';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());

/** https://docs.stripe.com/currencies#special-cases and #three-decimal. */
const AMBIGUOUS = ['ugx', 'isk', 'bhd', 'jod', 'kwd', 'omr', 'tnd'];
/** https://docs.stripe.com/currencies#zero-decimal, without UGX. */
const ZERO_DECIMAL = 'bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf'.split(' ');

const refusalOf = (act: Promise<unknown>) =>
  act.then(
    () => 'accepted',
    (error: unknown) => toDatabaseError(error),
  );

test.each([...AMBIGUOUS, 'xyz'])('no drop is created in %s, and the refusal has a name', async (currency) => {
  expect(await refusalOf(createDrop(db.pool, { currency }))).toMatchObject({
    reason: 'currency_not_supported',
    detail: currency,
    message: `nothing is sold in ${currency}`,
  });
});

test('no drop is moved to one either', async () => {
  const dropId = await createDrop(db.pool);
  const moving = db.pool.query(`update drops set currency = 'isk' where id = $1`, [dropId]);
  expect(await refusalOf(moving)).toMatchObject({ reason: 'currency_not_supported', detail: 'isk' });
});

test.each(AMBIGUOUS.flatMap((code) => [[code, 0] as const, [code, 2] as const, [code, 3] as const]))(
  '%s cannot be made a currency of ours, with %i digits',
  async (code, digits) => {
    await expect(addCurrency(code, digits)).rejects.toMatchObject({ code: '23514' });
  },
);

test.each([...ZERO_DECIMAL.map((code) => [code, 0] as const), ['aed', 2] as const])(
  '%s can, with %i digits and no other number of them',
  async (code, digits) => {
    await expect(addCurrency(code, 2 - digits)).rejects.toMatchObject({ code: '23514' });
    await expect(addCurrency(code, 3)).rejects.toMatchObject({ code: '23514' });
    await addCurrency(code, digits);
  },
);

test.each([
  ['jpy', 49, 'amount_too_small'],
  ['huf', 17_499, 'amount_too_small'],
  ['usd', 49, 'amount_too_small'],
] as const)(
  'in %s, %i minor units are too small, and nothing is held for them',
  async (currency, price, code) => {
    const dropId = await createDrop(db.pool, { currency });
    const productId = await createProduct(db.pool, { total: 2, unitPriceMinor: price, dropId });
    const opened = await openCheckout(db.pool, openInput([line(productId)]));
    expect(failureOf(opened)).toBe(code);
    expect(await available(db.pool, productId)).toBe(2);
    const larger = await createProduct(db.pool, { total: 2, unitPriceMinor: price + 1, dropId });
    expect(await openCheckout(db.pool, openInput([line(larger)]))).toMatchObject({
      outcome: 'opened',
      currency,
    });
  },
);

function addCurrency(code: string, minorDigits: number) {
  return db.pool.query(
    `insert into currencies (code, amount_minor_min, minor_digits) values ($1, 50, $2)
     on conflict (code) do update set minor_digits = excluded.minor_digits`,
    [code, minorDigits],
  );
}
