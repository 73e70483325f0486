-- As before, and one look more: the dead holds that a buyer did not see any more may have been taken back by another, who
-- committed between the two reads. Then units are free.
create or replace function _take_product(p_product_id uuid, p_quantity integer) returns boolean
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
    update drop_products set available_inventory = available_inventory - p_quantity
    where id = p_product_id and available_inventory >= p_quantity;
    return found;
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
