-- The three required functions for callers that bring their own PaymentIntent. Opening hours and the limit per customer belong
-- to checkouts; a bare reservation knows neither a customer nor a sale.

-- A checkout's reservation is moved by its checkout alone; through here its saga would never hear of it. Call it with the
-- PaymentIntent locked: bind takes the same lock.
create function _require_bare(p_payment_intent_id text) returns void
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
begin
  if p_payment_intent_id ~ '^checkout:'
    or exists (select 1 from checkouts where payment_intent_id = p_payment_intent_id) then
    raise exception using
      errcode = 'HF002', message = 'this id belongs to a checkout', detail = p_payment_intent_id;
  end if;
end
$$;

create function _begin_bare(p_payment_intent_id text) returns void
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
begin
  perform _require_read_committed();
  if coalesce(length(p_payment_intent_id), 0) not between 1 and 255 then
    raise exception using errcode = '22023', message = 'p_payment_intent_id must have 1 to 255 characters';
  end if;
  perform _lock_payment_intent(p_payment_intent_id);
  perform _require_bare(p_payment_intent_id);
  -- Lock order: own rows before any product.
  perform 1 from inventory_reservations where payment_intent_id = p_payment_intent_id order by id for update;
end
$$;

create function reserve_inventory_for_payment(
  p_payment_intent_id text, p_order_items jsonb, p_expiration_minutes integer default 5
) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_now timestamptz;
  v_expires_at timestamptz;
  v_ids uuid[];
  v_quantities integer[];
  v_live_ids uuid[];
  v_live_quantities integer[];
  v_dead uuid[];
begin
  if p_expiration_minutes is null or abs(p_expiration_minutes::bigint) > 525600 then
    raise exception using errcode = '22023', message = 'p_expiration_minutes must be within a year';
  end if;
  select product_ids, quantities into v_ids, v_quantities from _parse_lines(p_order_items);
  perform _begin_bare(p_payment_intent_id);
  v_now := clock_timestamp();

  select array_agg(drop_product_id order by drop_product_id), array_agg(quantity order by drop_product_id)
  into v_live_ids, v_live_quantities
  from inventory_reservations
  where payment_intent_id = p_payment_intent_id
    and (status = 'confirmed' or (status = 'held' and reclaim_after > v_now));
  if v_live_ids is not null then
    if v_live_ids = v_ids and v_live_quantities = v_quantities then
      return true;
    end if;
    raise exception using
      errcode = 'HF003', message = 'this PaymentIntent already holds other items', detail = p_payment_intent_id;
  end if;

  -- A dead hold of the same PaymentIntent: old and new products are locked in one ascending pass, then it starts anew.
  v_dead := array(
    select id from inventory_reservations where payment_intent_id = p_payment_intent_id and status = 'held');
  if cardinality(v_dead) > 0 then
    perform _lock_products(
      v_ids || array(select drop_product_id from inventory_reservations where id = any (v_dead)));
    perform _end_holds(v_dead, 'expired');
  end if;

  if _take_units(v_ids, v_quantities) > 0 then
    return false;
  end if;
  -- Read after every lock: a buyer who waited for one still gets the whole window.
  v_expires_at := clock_timestamp() + make_interval(mins => p_expiration_minutes);
  insert into inventory_reservations as r
    (drop_product_id, quantity, payment_intent_id, expires_at, created_at, reclaim_after)
  select line.id, line.units, p_payment_intent_id, v_expires_at, clock_timestamp(), v_expires_at
  from unnest(v_ids, v_quantities) as line (id, units)
  on conflict (payment_intent_id, drop_product_id) do update
    set status = 'held', quantity = excluded.quantity, expires_at = excluded.expires_at,
      created_at = excluded.created_at, reclaim_after = excluded.reclaim_after;
  return true;
end
$$;
comment on function reserve_inventory_for_payment(text, jsonb, integer) is
  'Holds every line or none. True: held, or already held or confirmed with the same items (the deadline is not moved). '
  'False: a line is short or unknown. Raises 22023 for bad items, HF003 for other items, HF002 for a checkout''s id.';

create function confirm_inventory_reservations(p_payment_intent_id text) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_now timestamptz;
  v_held uuid[];
  v_alive boolean;
begin
  perform _begin_bare(p_payment_intent_id);
  -- Whoever reclaims takes the same row locks, so this instant decides between the two.
  v_now := clock_timestamp();
  select array_agg(id), bool_and(reclaim_after > v_now)
  into v_held, v_alive
  from inventory_reservations
  where payment_intent_id = p_payment_intent_id and status = 'held';
  if v_held is null then
    return exists (
      select 1 from inventory_reservations where payment_intent_id = p_payment_intent_id and status = 'confirmed');
  end if;
  if not v_alive then
    perform _end_holds(v_held, 'expired');
    return false;
  end if;
  -- The units left the counter when they were held; it is not touched again.
  update inventory_reservations set status = 'confirmed' where id = any (v_held);
  return true;
end
$$;
comment on function confirm_inventory_reservations(text) is
  'True: the hold was alive and is confirmed, or was confirmed before. False: nothing held, released, or too late (a late '
  'hold is expired at once and its units are free again).';

create function release_inventory_reservations(p_payment_intent_id text) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_statuses text[];
begin
  perform _begin_bare(p_payment_intent_id);
  v_statuses := array(
    select distinct status from inventory_reservations where payment_intent_id = p_payment_intent_id);
  if 'held' = any (v_statuses) then
    perform _end_holds(
      array(
        select id from inventory_reservations where payment_intent_id = p_payment_intent_id and status = 'held'),
      'released');
    return true;
  end if;
  return cardinality(v_statuses) > 0 and not 'confirmed' = any (v_statuses);
end
$$;
comment on function release_inventory_reservations(text) is
  'True: the hold is released, or had ended before. False: there was none, or it is confirmed (sold units do not come back '
  'this way).';
