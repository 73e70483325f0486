-- The references to checkouts are checked once per statement instead of once per row: the checks were a fifth of a batch. What
-- makes that safe: a checkout is never deleted, and its id never changes (checkouts_guard, inventory_reservations_guard).
create function checkouts_refuse_delete() returns trigger
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
begin
  raise exception using errcode = 'HF010', message = 'a checkout cannot be deleted';
end
$$;
create trigger checkouts_100_refuse_delete before delete on checkouts
  for each statement execute function checkouts_refuse_delete();

create function checkouts_must_exist() returns trigger
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_stray uuid := (
    select w.checkout_id from written w
    where w.checkout_id is not null and not exists (select 1 from checkouts c where c.id = w.checkout_id)
    limit 1);
begin
  if v_stray is not null then
    raise exception using
      errcode = 'foreign_key_violation', message = format('%s refers to a checkout that is not there', tg_table_name),
      detail = v_stray::text;
  end if;
  return null;
end
$$;
revoke execute on all functions in schema public from public;
