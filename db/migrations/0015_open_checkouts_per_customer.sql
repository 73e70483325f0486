-- A bound on how many checkouts one customer may have standing open, beside the limit of units per product. It is a setting of
-- the database and not of a process: whoever opens, singly or in a batch, reads the same number under the same lock.

create table inventory_settings (
  singleton boolean primary key default true check (singleton),
  -- Null: no bound.
  open_checkouts_per_customer_max integer default 10 check (open_checkouts_per_customer_max > 0)
);
insert into inventory_settings default values;
comment on table inventory_settings is 'One row. An update holds from the next open on.';

-- Serialises one customer's checkouts: as a whole (the bound above), and per limited product. Taken after the checkout's lock
-- and own rows, before any product; all keys in the order of their numbers.
create or replace function _lock_customer(p_customer_id text, p_product_ids uuid[]) returns void
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
begin
  perform _lock_customers(array_fill(p_customer_id, array[cardinality(p_product_ids)]), p_product_ids);
end
$$;

-- The same for the lines of many checkouts at once: customer and product of each, side by side. Without a customer: nothing.
create function _lock_customers(p_customer_ids text[], p_product_ids uuid[]) returns void
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
begin
  perform pg_advisory_xact_lock(key)
  from (
    select hashtextextended(line.customer_id || chr(31) || p.id::text, 3) as key
    from unnest(p_customer_ids, p_product_ids) as line (customer_id, product_id)
    join drop_products p on p.id = line.product_id
    where line.customer_id is not null and p.max_per_customer is not null
    union
    select hashtextextended(customer_id, 4) from unnest(p_customer_ids) as customer_id where customer_id is not null
    order by key
  ) as ascending;
end
$$;

-- What these customers have: checkouts that stand open (they still hold units; one whose lease has lapsed does not count:
-- nobody is at work on it, and it must not lock its customer out), and units held or bought, by product.
-- The conditions on reservations stand in filters on purpose: as conditions of the join they would offer the planner the
-- indexes by product and by held, and a plan made without statistics would read every live hold (measured: 100x). For the same
-- reason one customer after the other is looked up, and by no other kind of join. The customers must be different ones.
create function _count_open_checkouts(p_customer_ids text[], p_now timestamptz)
returns table (customer_id text, open_checkouts integer)
language sql stable
set search_path = pg_catalog, public, pg_temp
set enable_hashjoin = off
set enable_mergejoin = off
set max_parallel_workers_per_gather = 0
as $$
  select c.customer_id, (count(distinct c.id) filter (where r.status = 'held' and r.reclaim_after > p_now))::integer
  from unnest(p_customer_ids) as wanted (id)
  join checkouts c on c.customer_id = wanted.id
  join inventory_reservations r on r.checkout_id = c.id
  where checkout_is_open(c.status)
  group by c.customer_id;
$$;

create function _count_units(p_customer_ids text[])
returns table (customer_id text, drop_product_id uuid, units integer)
language sql stable
set search_path = pg_catalog, public, pg_temp
set enable_hashjoin = off
set enable_mergejoin = off
set max_parallel_workers_per_gather = 0
as $$
  select c.customer_id, r.drop_product_id, (sum(r.quantity) filter (where r.status in ('held', 'confirmed')))::integer
  from unnest(p_customer_ids) as wanted (id)
  join checkouts c on c.customer_id = wanted.id
  join inventory_reservations r on r.checkout_id = c.id
  group by c.customer_id, r.drop_product_id;
$$;

create function _open_checkouts_over_max(p_customer_id text, p_now timestamptz) returns jsonb
language sql stable
set search_path = pg_catalog, public, pg_temp
as $$
  select jsonb_build_object(
    'open_checkouts', n.open_checkouts, 'open_checkouts_max', s.open_checkouts_per_customer_max)
  from _count_open_checkouts(array[p_customer_id], p_now) n
  join inventory_settings s on n.open_checkouts >= s.open_checkouts_per_customer_max;
$$;

-- As before, with the bound on open checkouts between the quote and the limit of units.
create or replace function _take_for_checkout(
  p_customer_id text, p_product_ids uuid[], p_quantities integer[],
  out failure_code text, out failure_detail jsonb, out amount_minor bigint, out currency text
)
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_quote record;
  v_short integer;
begin
  if p_customer_id is not null then
    perform _lock_customer(p_customer_id, p_product_ids);
  end if;
  select * into v_quote from _quote_lines(p_product_ids, p_quantities, clock_timestamp());
  if v_quote.failure_code is null then
    failure_detail := _open_checkouts_over_max(p_customer_id, clock_timestamp());
    if failure_detail is not null then
      failure_code := 'too_many_open_checkouts';
      return;
    end if;
    failure_detail := _line_over_limit(p_customer_id, p_product_ids, p_quantities, clock_timestamp());
    if failure_detail is not null then
      failure_code := 'purchase_limit_reached';
      return;
    end if;
    v_short := _take_units(p_product_ids, p_quantities);
    if v_short > 0 then
      failure_code := 'insufficient_inventory';
      select jsonb_build_object(
        'drop_product_id', id, 'product_name', name, 'requested', p_quantities[v_short],
        'available', available_inventory)
      into failure_detail
      from drop_products where id = p_product_ids[v_short];
      return;
    end if;
    select * into v_quote from _quote_lines(p_product_ids, p_quantities, clock_timestamp());
    if v_quote.failure_code is not null then
      perform _put_back(p_product_ids, p_quantities, cardinality(p_product_ids));
    end if;
  end if;
  failure_code := v_quote.failure_code;
  failure_detail := v_quote.failure_detail;
  amount_minor := v_quote.amount_minor;
  currency := v_quote.currency;
end
$$;

revoke execute on all functions in schema public from public;
