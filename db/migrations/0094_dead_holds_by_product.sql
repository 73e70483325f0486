-- Each held row is entered into two indexes less. Dead holds of a product are found through the product's index, which now goes on
-- with what they are found by; and cleanup goes from product to product instead of having an index of its own. `left(status, 4)`
-- still keeps both from whoever merely says "status = 'held'": see 0027.
create or replace function cleanup_expired_reservations() returns integer
language plpgsql volatile
security definer
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_now timestamptz;
  v_product_id uuid;
  v_dead uuid[] := '{}';
begin
  perform _require_read_committed();
  v_now := clock_timestamp();
  -- A product with every unit free holds none.
  for v_product_id in
    select id from drop_products where available_inventory < total_inventory order by id
  loop
    v_dead := v_dead || array(
      select id from reclaimable_reservations
      where drop_product_id = v_product_id and reclaim_after <= v_now
      order by reclaim_after
      limit 5000 - cardinality(v_dead)
      for update skip locked
    );
    exit when cardinality(v_dead) = 5000;
  end loop;
  return _end_holds(v_dead, 'expired');
end
$$;

drop index idx_inventory_reservations_drop_product;
drop index inventory_reservations_due;
drop index inventory_reservations_due_product;
create index idx_inventory_reservations_drop_product
  on inventory_reservations (drop_product_id, left(status, 4), reclaim_after);
