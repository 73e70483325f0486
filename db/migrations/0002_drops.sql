-- What is sold: drops and their products, with the one counter that says how many units are free.

-- Currencies we sell in, with the smallest and largest charge in minor units. The minimum is Stripe's per settlement currency
-- (https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts); the maximum is Stripe's eight digits.
create table currencies (
  code text primary key check (code ~ '^[a-z]{3}$'),
  amount_minor_min bigint not null check (amount_minor_min > 0),
  amount_minor_max bigint not null default 99999999,
  check (amount_minor_max >= amount_minor_min)
);

insert into currencies (code, amount_minor_min) values
  ('aud', 50), ('brl', 50), ('cad', 50), ('chf', 50), ('czk', 1500), ('dkk', 250), ('eur', 50), ('gbp', 30),
  ('hkd', 400), ('huf', 17500), ('inr', 50), ('jpy', 50), ('mxn', 1000), ('nok', 300), ('nzd', 50), ('pln', 200),
  ('ron', 200), ('sek', 300), ('sgd', 50), ('thb', 1000), ('usd', 50);

create table drops (
  id uuid primary key default gen_random_uuid(),
  name text not null check (length(name) between 1 and 200),
  -- A currency without known limits could not be checked before Stripe refuses it, so it is refused here.
  currency text not null references currencies (code),
  opens_at timestamptz not null,
  -- Null: open until sold out.
  closes_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  check (closes_at > opens_at)
);

-- Half-empty pages keep the updates of the counter on their page (heap-only tuples). For the same reason no index and no
-- partial index may ever mention available_inventory.
create table drop_products (
  id uuid primary key default gen_random_uuid(),
  drop_id uuid not null references drops (id),
  name text not null check (length(name) between 1 and 200),
  unit_price_minor bigint not null check (unit_price_minor between 0 and 99999999),
  max_per_customer integer check (max_per_customer > 0),
  total_inventory integer not null,
  available_inventory integer not null,
  created_at timestamptz not null default clock_timestamp(),
  constraint drop_products_stock_ck check (available_inventory >= 0 and available_inventory <= total_inventory)
) with (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

create index drop_products_drop on drop_products (drop_id);

comment on column drop_products.available_inventory is
  'Units neither held nor confirmed. Reserve takes, release and expire give back, confirm leaves it alone.';

-- The journal explains every counter: one row per statement, product and kind. It has no foreign key, so that it outlives
-- what it explains.
create table inventory_journal (
  id bigint generated always as identity primary key,
  drop_product_id uuid not null,
  kind text not null check (kind in ('total', 'reserve', 'release', 'expire', 'reclaim', 'confirm')),
  -- Units moved. Only 'total' (stock put on sale or taken off it) may be negative.
  units bigint not null check (units > 0 or (kind = 'total' and units <> 0)),
  reservations integer not null default 0,
  written_at timestamptz not null default clock_timestamp()
);

create index inventory_journal_product on inventory_journal (drop_product_id);

-- A product starts with every unit free, and a change of the total moves the free units along with it.
create function drop_products_follow_total() returns trigger
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
begin
  if tg_op = 'INSERT' then
    new.available_inventory := coalesce(new.available_inventory, new.total_inventory);
    if new.available_inventory <> new.total_inventory then
      raise exception using errcode = '23514', message = 'a new product has all its units available';
    end if;
  elsif new.available_inventory = old.available_inventory then
    new.available_inventory := old.available_inventory + new.total_inventory - old.total_inventory;
  end if;
  return new;
end
$$;

create trigger drop_products_100_follow_total_insert before insert on drop_products
  for each row execute function drop_products_follow_total();
create trigger drop_products_100_follow_total_update before update of total_inventory on drop_products
  for each row execute function drop_products_follow_total();

create function drop_products_journal_total() returns trigger
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_units integer := new.total_inventory;
begin
  if tg_op = 'UPDATE' then
    v_units := new.total_inventory - old.total_inventory;
  end if;
  if v_units <> 0 then
    insert into inventory_journal (drop_product_id, kind, units) values (new.id, 'total', v_units);
  end if;
  return null;
end
$$;

create trigger drop_products_900_journal_insert after insert on drop_products
  for each row execute function drop_products_journal_total();
create trigger drop_products_900_journal_update after update of total_inventory on drop_products
  for each row execute function drop_products_journal_total();
