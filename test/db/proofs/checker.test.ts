// The checker that stands beside the mixed run: it sees what is planted, and does not pass for having seen nothing.
import { createTestDatabase, type TestDatabase } from '../../support/database';
import { until } from '../../support/until';
import { createProduct } from '../support';
import { startChecker } from './checker-process';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());

test('drift that is gone at the end was seen, and the process leaves nothing behind', async () => {
  const productId = await createProduct(db.pool, { total: 5 });
  const move = (units: number) =>
    db.pool.query('update drop_products set available_inventory = available_inventory + $2 where id = $1', [
      productId,
      units,
    ]);
  const checker = await startChecker(db.url);
  try {
    await move(-1);
    await until('a look at it', async () => checker.looks().at(-1)?.length === 2);
    await move(1);
    await until('a look at its end', async () => checker.looks().at(-1)?.length === 0);
    const { drift } = await checker.stop();
    expect(new Set(drift.map((one) => `${one.kind} ${one.dropProductId}`))).toEqual(
      new Set([`units_do_not_add_up ${productId}`, `journal_does_not_explain ${productId}`]),
    );
  } finally {
    checker.kill();
  }
  await until('its session to end', async () => {
    const { rows } = await db.pool.query(
      `select 1 from pg_stat_activity where application_name = 'holdfast-checker' and datname = current_database()`,
    );
    return rows.length === 0;
  });
});

test('one that died on the way is a failure', async () => {
  const checker = await startChecker(db.url);
  checker.kill();
  await expect(checker.stop()).rejects.toThrow('ended by itself');
});

test('one that cannot connect is a failure', async () => {
  const nowhere = new URL(db.url);
  nowhere.pathname = '/no_such_database';
  await expect(startChecker(nowhere.href)).rejects.toThrow('no_such_database');
});
