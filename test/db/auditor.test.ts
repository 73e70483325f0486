// The auditor: each way stock, money and status can contradict each other is planted once, and named.
import { Client } from 'pg';

import { confirmCheckout } from '../../db/checkouts';
import { findInventoryDrift } from '../../db/invariants';
import { createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import { createProduct, expectNoDrift, line, openAndBind, required } from './support';

let db: TestDatabase;
let vandal: Client;
let product: string;
let heldId: string;
let soldId: string;
beforeAll(async () => {
  db = await createTestDatabase();
  product = await createProduct(db.pool, { total: 10 });
  heldId = (await openAndBind(db.pool, [line(product)])).checkoutId;
  const sold = await openAndBind(db.pool, [line(product)]);
  soldId = sold.checkoutId;
  await confirmCheckout(db.pool, { ...sold, eventIds: [] });
  await expectNoDrift(db.pool);
  vandal = new Client({ connectionString: db.url });
  await vandal.connect();
});
afterAll(async () => {
  await vandal.end();
  await db.drop();
});

/** With triggers and foreign keys asleep, as after a restore gone wrong; undone at the end. */
async function kindsAfter(sql: string): Promise<string[]> {
  await vandal.query('begin');
  try {
    await vandal.query('set local session_replication_role = replica');
    await vandal.query(sql);
    return [...new Set((await findInventoryDrift(vandal)).map((finding) => finding.kind))].sort();
  } finally {
    await vandal.query('rollback');
  }
}

const HELD = () => `checkout_id = '${heldId}'`;
const SOLD = () => `checkout_id = '${soldId}'`;

test.each<[string, () => string, string[]]>([
  ['a unit lost from the counter', () => `update drop_products set available_inventory = available_inventory - 1 where id = '${product}'`,
    ['journal_does_not_explain', 'units_do_not_add_up']],
  ['a total changed behind the journal', () => `update drop_products set total_inventory = 11, available_inventory = available_inventory + 1 where id = '${product}'`,
    ['journal_does_not_explain']],
  ['a journal row gone', () => `delete from inventory_journal where drop_product_id = '${product}' and kind = 'confirm'`,
    ['journal_does_not_explain']],
  ['a hold that ended without giving back', () => `update inventory_reservations set status = 'released' where ${HELD()}`,
    ['journal_does_not_explain', 'units_do_not_add_up']],
  ['a checkout closed over its hold', () => `update checkouts set status = 'expired', closed_at = now() where id = '${heldId}'`,
    ['held_by_closed_checkout']],
  ['units sold without an order', () => `delete from orders where ${SOLD()}`,
    ['confirmed_checkout_without_order', 'confirmed_without_order']],
  ['an order whose units are gone', () => `delete from inventory_reservations where ${SOLD()}`,
    ['journal_does_not_explain', 'order_without_units', 'units_do_not_add_up']],
  ['an order of a checkout that is not confirmed', () => `update checkouts set status = 'awaiting_payment', closed_at = null where id = '${soldId}'`,
    ['confirmed_without_order', 'order_of_another_amount']],
  ['an order of another amount', () => `update orders set amount_minor = amount_minor + 1 where ${SOLD()}`,
    ['order_of_another_amount']],
  ['an order without its items', () => `delete from order_items`,
    ['order_of_another_amount']],
  ['lines of another amount', () => `update checkout_lines set unit_price_minor = 1 where ${HELD()}`,
    ['lines_of_another_amount']],
  ['a hold of more than was ordered', () => `update checkout_lines set quantity = 2, unit_price_minor = 500 where ${HELD()}`,
    ['reservation_of_no_line']],
  ['a hold bound to another payment', () => `update inventory_reservations set payment_intent_id = 'pi_other' where ${HELD()}`,
    ['reservation_of_another_payment']],
  ['a line of a checkout that is not there', () => `insert into checkout_lines values (gen_random_uuid(), '${product}', 'x', 100, 1)`,
    ['lines_of_another_amount']],
  ['a hold of a checkout that is not there', () => `update inventory_reservations set checkout_id = gen_random_uuid() where ${HELD()}`,
    ['reservation_of_no_line']],
  ['a refund nobody decided on', () => `update checkouts set status = 'refund_pending', closed_at = now() where id = '${heldId}';
     update inventory_reservations set status = 'expired' where ${HELD()};
     update drop_products set available_inventory = available_inventory + 1 where id = '${product}';
     insert into inventory_journal (drop_product_id, kind, units) values ('${product}', 'expire', 1)`,
    ['refund_without_decision']],
])('%s', async (_what, sql, kinds) => {
  expect(await kindsAfter(sql())).toEqual(kinds);
}); // prettier-ignore

test('holds of one payment with two deadlines', async () => {
  const other = await createProduct(db.pool, { total: 10 });
  const { checkoutId } = await openAndBind(db.pool, [line(product), line(other)]);
  const sql = `update inventory_reservations set expires_at = expires_at + interval '1 s'
    where checkout_id = '${checkoutId}' and drop_product_id = '${other}'`;
  expect(await kindsAfter(sql)).toEqual(['split_deadline']);
});

test('a finding says where and by how much', async () => {
  await vandal.query('begin');
  await vandal.query('set local session_replication_role = replica');
  await vandal.query(`update drop_products set available_inventory = 3 where id = $1`, [product]);
  const finding = required(
    (await findInventoryDrift(vandal)).find(({ kind }) => kind === 'units_do_not_add_up'),
  );
  await vandal.query('rollback');
  expect(finding).toMatchObject({
    dropProductId: product,
    detail: { total: 10, available: 3, confirmed: 1 },
  });
});
