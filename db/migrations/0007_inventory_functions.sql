-- The inner functions every taking and giving back of units goes through. They carry no plan pins of their own: the functions
-- that call them do. Lock order, everywhere: checkout or PaymentIntent, own reservation rows, customer and product, products
-- in id order. Nobody waits for a reservation row while holding a product row; rows of others are taken with skip locked.

-- From [{"drop_product_id": uuid, "quantity": n}, ...], or a JSON string holding it, to two arrays: lines of the same product
-- merged (two lines of one product checked one by one would both pass), ascending by product.
create function _parse_lines(p_items jsonb, out product_ids uuid[], out quantities integer[])
language plpgsql stable
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_items jsonb := p_items;
  v_line jsonb;
begin
  if jsonb_typeof(v_items) = 'string' and pg_input_is_valid(v_items #>> '{}', 'jsonb') then
    v_items := (v_items #>> '{}')::jsonb;
  end if;
  if jsonb_typeof(v_items) is distinct from 'array' or jsonb_array_length(v_items) not between 1 and 200 then
    raise exception using errcode = '22023', message = 'order items must be an array of 1 to 200 lines';
  end if;
  for v_line in select value from jsonb_array_elements(v_items) loop
    if jsonb_typeof(v_line) is distinct from 'object'
      or jsonb_typeof(v_line -> 'drop_product_id') is distinct from 'string'
      or not pg_input_is_valid(v_line ->> 'drop_product_id', 'uuid') then
      raise exception using errcode = '22023', message = 'every line needs a drop_product_id, a UUID';
    end if;
    if jsonb_typeof(v_line -> 'quantity') is distinct from 'number'
      or (v_line ->> 'quantity')::numeric not between 1 and 1000000
      or (v_line ->> 'quantity')::numeric % 1 <> 0 then
      raise exception using errcode = '22023', message = 'every line needs a quantity, a whole number from 1 to 1000000';
    end if;
  end loop;
  select array_agg(id order by id), array_agg(units order by id)
  into product_ids, quantities
  from (
    select (value ->> 'drop_product_id')::uuid as id, sum((value ->> 'quantity')::numeric)::integer as units
    from jsonb_array_elements(v_items)
    group by 1
  ) as merged;
end
$$;

-- For the rare paths that touch products out of order later: once all are locked here, the order no longer matters.
create function _lock_products(p_product_ids uuid[]) returns void
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
begin
  perform 1 from drop_products where id = any (p_product_ids) order by id for no key update;
end
$$;

-- Ends held reservations (rows locked by the caller) and gives their units back: rows first, then one update per product in id
-- order, so that a hot product is locked for the shortest time. Answers how many rows ended.
create function _end_holds(p_reservation_ids uuid[], p_status text) returns integer
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_product_ids uuid[];
  v_units integer[];
  v_ended integer;
begin
  with ended as (
    update inventory_reservations set status = p_status
    where id = any (p_reservation_ids) and status = 'held'
    returning drop_product_id, quantity
  ), per_product as (
    select drop_product_id, sum(quantity)::integer as units, count(*)::integer as reservations
    from ended
    group by drop_product_id
  )
  select
    array_agg(drop_product_id order by drop_product_id), array_agg(units order by drop_product_id),
    coalesce(sum(reservations), 0)
  into v_product_ids, v_units, v_ended
  from per_product;
  for i in 1 .. coalesce(cardinality(v_product_ids), 0) loop
    update drop_products set available_inventory = available_inventory + v_units[i] where id = v_product_ids[i];
  end loop;
  return v_ended;
end
$$;

-- Takes back at most 200 dead holds of one product. The instant is a parameter: a volatile clock in the condition could not
-- use the index and would scan every live hold.
create function _reclaim_dead_holds(p_product_id uuid, p_now timestamptz) returns integer
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_dead uuid[];
begin
  v_dead := array(
    select id from reclaimable_reservations
    where drop_product_id = p_product_id and reclaim_after <= p_now
    order by reclaim_after
    limit 200
    for update skip locked
  );
  return _end_holds(v_dead, 'expired');
end
$$;

-- Takes units of one product if they are free. Sold out costs one read: it locks nothing and writes nothing. Only when dead
-- holds are in sight is the product locked first, so that a buyer waits for another's reclaim instead of being refused
-- while units are on their way back.
create function _take_product(p_product_id uuid, p_quantity integer) returns boolean
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_now timestamptz;
begin
  update drop_products set available_inventory = available_inventory - p_quantity
  where id = p_product_id and available_inventory >= p_quantity;
  if found then
    return true;
  end if;
  v_now := clock_timestamp();
  if not exists (
    select 1 from reclaimable_reservations where drop_product_id = p_product_id and reclaim_after <= v_now
  ) then
    return false;
  end if;
  perform 1 from drop_products where id = p_product_id for no key update;
  -- Five rounds of 200 dead holds cover the largest line the API accepts.
  for v_round in 1 .. 6 loop
    update drop_products set available_inventory = available_inventory - p_quantity
    where id = p_product_id and available_inventory >= p_quantity;
    if found then
      return true;
    end if;
    exit when v_round = 6 or _reclaim_dead_holds(p_product_id, v_now) = 0;
  end loop;
  return false;
end
$$;

-- Puts taken units back in the same transaction: an undo without a subtransaction.
create function _put_back(p_product_ids uuid[], p_quantities integer[], p_count integer) returns void
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
begin
  for i in 1 .. p_count loop
    update drop_products set available_inventory = available_inventory + p_quantities[i] where id = p_product_ids[i];
  end loop;
end
$$;

-- Every line or none, products ascending. Answers 0 when all were taken, else the number of the line that was short.
create function _take_units(p_product_ids uuid[], p_quantities integer[]) returns integer
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
begin
  for i in 1 .. cardinality(p_product_ids) loop
    if not _take_product(p_product_ids[i], p_quantities[i]) then
      perform _put_back(p_product_ids, p_quantities, i - 1);
      return i;
    end if;
  end loop;
  return 0;
end
$$;

-- Bounded: a function cannot commit between batches, so the caller repeats while the answer equals the limit. Ends
-- reservations only; what becomes of the checkout is its saga's to say.
create function cleanup_expired_reservations() returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_now timestamptz;
  v_dead uuid[];
begin
  perform _require_read_committed();
  v_now := clock_timestamp();
  v_dead := array(
    select id from reclaimable_reservations
    where reclaim_after <= v_now
    order by reclaim_after
    limit 5000
    for update skip locked
  );
  return _end_holds(v_dead, 'expired');
end
$$;
comment on function cleanup_expired_reservations() is
  'Expires at most 5,000 dead holds and gives their units back. Answers how many; 0 means nothing was due.';
