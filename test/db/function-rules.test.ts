// Rules every function keeps: fixed search path, pinned plans, one isolation level, and who may call it.
import { randomUUID } from 'node:crypto';
import { Client } from 'pg';

import { createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import { createProduct, line, openAndBind, openInput, required, reserve, withoutTimeout } from './support';
import { openCheckout } from '../../db/checkouts';

let db: TestDatabase;
let product: string;
beforeAll(async () => {
  db = await createTestDatabase();
  product = await createProduct(db.pool, { total: 1_000 });
});
afterAll(() => db.drop());

const REQUIRED = [
  'cleanup_expired_reservations()',
  'confirm_inventory_reservations(text)',
  'release_inventory_reservations(text)',
  'reserve_inventory_for_payment(text,jsonb,integer)',
];
const HOT = [
  ...REQUIRED,
  'bind_payment_intent(uuid,text)',
  'close_events(uuid,text[])',
  'close_unbound_checkout(uuid,text,text)',
  'confirm_checkouts(uuid[],text[],integer[],text[])',
  'open_checkouts(uuid[],text[],text[],integer[],integer[],integer[],integer[],uuid[],integer[])',
  'confirm_checkout(uuid,text,text[])',
  'open_checkout(uuid,text,text,jsonb,integer,integer,integer)',
  'open_checkout_check_only(uuid,text,text,jsonb,integer,integer,integer)',
  'purge_ended_reservations(integer)',
  'read_availability(uuid[])',
  'record_decline(uuid,text,text,text,text,text)',
  'record_processing(uuid,text)',
  'release_checkout(uuid,text,text,text[])',
  'renew_lease(uuid,integer,integer)',
  'secure_units(uuid,integer)',
  'begin_create(uuid,integer,integer)',
  'take_stripe_slot(text,integer,integer)',
];

test('a role with nothing but EXECUTE can call the four required functions by name', async () => {
  const role = `caller_${randomUUID().replaceAll('-', '')}`;
  const password = randomUUID();
  await db.pool.query(`create role ${role} login password '${password}'`);
  for (const signature of REQUIRED) await db.pool.query(`grant execute on function ${signature} to ${role}`);
  const url = new URL(db.url);
  url.username = role;
  url.password = password;
  const client = new Client({ connectionString: url.href });
  await client.connect();
  try {
    const id = `pi_${randomUUID()}`;
    const items = JSON.stringify([{ drop_product_id: product, quantity: 1 }]);
    const call = async (text: string, values: unknown[] = []) =>
      required((await client.query<{ answer: unknown }>(text, values)).rows[0]).answer;
    expect(
      await call(
        `select reserve_inventory_for_payment(
           p_order_items => $2, p_expiration_minutes => 5, p_payment_intent_id => $1) as answer`,
        [id, items],
      ),
    ).toBe(true);
    expect(
      await call('select confirm_inventory_reservations(p_payment_intent_id => $1) as answer', [id]),
    ).toBe(true);
    expect(
      await call('select release_inventory_reservations(p_payment_intent_id => $1) as answer', [id]),
    ).toBe(false);
    expect(await call('select cleanup_expired_reservations() as answer')).toBe(0);
    await expect(client.query('select * from inventory_reservations')).rejects.toMatchObject({
      code: '42501',
    });
    await expect(
      client.query('select bind_payment_intent($1, $2)', [randomUUID(), id]),
    ).rejects.toMatchObject({
      code: '42501',
    });
  } finally {
    await client.end();
    await db.pool.query(`drop owned by ${role}; drop role ${role}`);
  }
});

test('no function is executable by everybody', async () => {
  const { rows } = await db.pool.query(
    `select oid::regprocedure::text from pg_proc
     where pronamespace = 'public'::regnamespace and has_function_privilege('public', oid, 'execute')`,
  );
  expect(rows).toEqual([]);
});

test('every function has a fixed search path that ends with pg_temp', async () => {
  const { rows } = await db.pool.query(
    `select oid::regprocedure::text as name from pg_proc
     where pronamespace = 'public'::regnamespace
       and not coalesce('search_path=pg_catalog, public, pg_temp' = any (proconfig), false)`,
  );
  expect(rows).toEqual([]);
});

test('the functions of the hot path pin their plans, and only the required four run with their owner’s rights', async () => {
  const { rows } = await db.pool.query<{ name: string; is_pinned: boolean; prosecdef: boolean }>(
    `select oid::regprocedure::text as name, prosecdef,
       coalesce(proconfig @> array['plan_cache_mode=force_generic_plan', 'enable_seqscan=off'], false) as is_pinned
     from pg_proc where pronamespace = 'public'::regnamespace order by 1`,
  );
  expect(rows.filter((row) => row.is_pinned).map((row) => row.name)).toEqual(HOT.toSorted());
  expect(rows.filter((row) => row.prosecdef).map((row) => row.name)).toEqual(REQUIRED);
});

test.each(['repeatable read', 'serializable'])('%s is refused everywhere', async (level) => {
  const { checkoutId } = await openAndBind(db.pool, [line(product)]);
  const id = randomUUID();
  const items = `'[{"drop_product_id":"${product}","quantity":1}]'`;
  const calls = [
    `reserve_inventory_for_payment('pi_1', ${items})`,
    `confirm_inventory_reservations('pi_1')`,
    `release_inventory_reservations('pi_1')`,
    `cleanup_expired_reservations()`,
    `open_checkout('${id}', 'f', null, ${items}, 300, 600, 3)`,
    `open_checkouts('{${id}}', '{f}', '{null}', '{300}', '{600}', '{3}', '{1}', '{${product}}', '{1}')`,
    `confirm_checkouts('{${checkoutId}}', '{pi_1}', '{}', '{}')`,
    `bind_payment_intent('${checkoutId}', 'pi_1')`,
    `close_unbound_checkout('${id}', 'f', 'checkout_not_opened')`,
    `confirm_checkout('${checkoutId}', 'pi_1', '{}')`,
    `release_checkout('${checkoutId}', 'expired', null, '{}')`,
    `renew_lease('${checkoutId}', 600, 86400)`,
    `secure_units('${checkoutId}', 600)`,
    `record_decline('${checkoutId}', 'e', 'a', null, null, null)`,
    `record_processing('${checkoutId}', 'e')`,
    `close_events('${checkoutId}', '{}')`,
    `extend_checkout('${checkoutId}', 'key', 60)`,
    `adjust_total_inventory('key', '${product}', 1, 'me', 'test')`,
    `purge_ended_reservations()`,
    `advance_refund('late:x', 0)`,
    `record_refund('late:x', 're_1', 'pending', null)`,
    `request_refund('operation:x', '${checkoutId}', null, '[]', 'op', 'why')`,
    `begin_operation('${id}', 'f', 'cancel', 'checkout', '${checkoutId}', 'op', 'why', '{}')`,
    `finish_operation('${id}', 'done', null, '{}')`,
    `resolve_incident('${id}', '${id}')`,
    `replay_event('evt_1')`,
    `record_money('${checkoutId}', '[]', null, '{}')`,
  ];
  const client = await db.pool.connect();
  try {
    for (const call of calls) {
      await client.query(`begin isolation level ${level}`);
      await expect(client.query(`select ${call}`)).rejects.toMatchObject({ code: 'HF001' });
      await client.query('rollback');
    }
  } finally {
    client.release();
  }
});

test('with a new table full of live holds, a sold-out buyer reads a page or two, not the table', async () => {
  const soldOut = await createProduct(db.pool, { total: 20_000 });
  await withoutTimeout(
    db.pool,
    `with held as (
       insert into inventory_reservations (drop_product_id, quantity, payment_intent_id, expires_at)
       select $1, 1, 'live_' || n, clock_timestamp() + interval '1 h' from generate_series(1, 20000) n)
     update drop_products set available_inventory = 0 where id = $1`,
    [soldOut],
  );
  const client = await db.pool.connect();
  try {
    await client.query('begin');
    const before = await rowsRead(client);
    expect(await reserveWith(client, soldOut)).toBe(false);
    expect((await rowsRead(client)) - before).toBeLessThan(50);
    await client.query('rollback');
  } finally {
    client.release();
  }
  expect((await openCheckout(db.pool, openInput([line(soldOut)]))).outcome).toBe('closed');
  expect(await reserve(db.pool, `pi_${randomUUID()}`, [line(product)])).toBe(true);
});

type Queryable = Pick<Client, 'query'>;

async function reserveWith(client: Queryable, productId: string): Promise<boolean> {
  const { rows } = await client.query<{ answer: boolean }>(
    'select reserve_inventory_for_payment($1, $2) as answer',
    [`pi_${randomUUID()}`, JSON.stringify([{ drop_product_id: productId, quantity: 1 }])],
  );
  return required(rows[0]).answer;
}

/** Rows of reservations this transaction has fetched, by index or by scan. */
async function rowsRead(client: Queryable): Promise<number> {
  const { rows } = await client.query<{ read: number }>(
    `select (seq_tup_read + coalesce(idx_tup_fetch, 0))::integer as read
     from pg_stat_xact_user_tables where relname = 'inventory_reservations'`,
  );
  return required(rows[0]).read;
}
