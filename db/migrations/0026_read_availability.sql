-- What a buyer could get of each product at this moment, for whoever must say "sold out" without asking for units.

-- Units a reserve would take back when it finds none free belong to the answer: sold out by dead holds alone is not sold out.
-- The instant is read first, for the index (see _reclaim_dead_holds). Unknown products are left out.
create function read_availability(p_product_ids uuid[])
returns table (drop_product_id uuid, name text, available integer, has_dead_holds boolean, is_open boolean)
language plpgsql stable
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  return query
    select p.id, p.name, p.available_inventory,
      exists (select 1 from reclaimable_reservations r where r.drop_product_id = p.id and r.reclaim_after <= v_now),
      d.opens_at <= v_now and v_now < coalesce(d.closes_at, 'infinity')
    from unnest(p_product_ids) as asked (id)
    join drop_products p on p.id = asked.id
    join drops d on d.id = p.drop_id;
end
$$;

revoke execute on all functions in schema public from public;
