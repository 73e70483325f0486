-- What an operator does with stock: put units on sale, take units off it, and let old rows go.

create table stock_adjustments (
  request_key text primary key check (length(request_key) between 1 and 200),
  drop_product_id uuid not null,
  units integer not null check (units <> 0),
  total_after integer not null,
  -- A person or a system by the shop's own name for it, and the reason in words.
  who text not null check (length(who) between 1 and 200),
  why text not null check (length(why) between 1 and 1000),
  adjusted_at timestamptz not null default clock_timestamp()
);
create index stock_adjustments_product on stock_adjustments (drop_product_id);
comment on table stock_adjustments is 'Who changed total_inventory, by how much, and why. Never changed, never purged.';

-- By a difference, not to a total: two operators at once both count. Repeating a key changes nothing and answers the same.
create function adjust_total_inventory(
  p_request_key text, p_drop_product_id uuid, p_units integer, p_who text, p_why text, out total integer, out available integer
)
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_known stock_adjustments%rowtype;
begin
  perform _require_read_committed();
  select total_inventory, available_inventory into total, available
  from drop_products where id = p_drop_product_id for no key update;
  if not found then
    raise exception using errcode = 'HF006', message = 'no such product', detail = p_drop_product_id::text;
  end if;
  select * into v_known from stock_adjustments where request_key = p_request_key;
  if found then
    if (v_known.drop_product_id, v_known.units) is distinct from (p_drop_product_id, p_units) then
      raise exception using
        errcode = 'HF009', message = 'this key was used for another adjustment', detail = p_request_key;
    end if;
    return;
  end if;
  if available + p_units < 0 then
    raise exception using
      errcode = 'HF011', message = 'fewer than the units held and sold', detail = (total - available)::text;
  end if;
  update drop_products p set total_inventory = p.total_inventory + p_units where p.id = p_drop_product_id
  returning p.total_inventory, p.available_inventory into total, available;
  insert into stock_adjustments (request_key, drop_product_id, units, total_after, who, why)
  values (p_request_key, p_drop_product_id, p_units, total, p_who, p_why);
end
$$;
comment on function adjust_total_inventory(text, uuid, integer, text, text) is
  'Puts units on sale (positive) or takes free ones off it (negative), once per key. HF011: it would go below held and sold '
  '(detail: how many those are), HF006: no such product, HF009: the key was used for another adjustment.';

-- Bounded like the cleanup. Confirmed rows stay: they are what was sold.
create function purge_ended_reservations(p_older_than_days integer default 30) returns integer
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_before timestamptz := clock_timestamp() - make_interval(days => p_older_than_days);
  v_purged integer;
begin
  perform _require_read_committed();
  if p_older_than_days is null or p_older_than_days < 1 then
    raise exception using errcode = '22023', message = 'p_older_than_days must be 1 or more';
  end if;
  with old as (
    select id from inventory_reservations
    where status in ('released', 'expired') and expires_at < v_before
    order by expires_at
    limit 5000
    for update skip locked
  )
  delete from inventory_reservations r using old where r.id = old.id;
  get diagnostics v_purged = row_count;
  delete from maintenance_runs where finished_at < v_before;
  return v_purged;
end
$$;
comment on function purge_ended_reservations(integer) is
  'Deletes at most 5,000 released and expired reservations whose deadline is that many days back, and answers how many.';

-- Only ended rows are in it, so the hot inserts do not pay for it.
create index inventory_reservations_ended on inventory_reservations (expires_at) where status in ('released', 'expired');

revoke execute on all functions in schema public from public;
