-- The journal tells of units that come back.

alter table inventory_journal drop constraint inventory_journal_kind_check;
alter table inventory_journal add constraint inventory_journal_kind_check
  check (kind in ('total', 'reserve', 'release', 'expire', 'reclaim', 'confirm', 'return'));

-- As before, and one row more for units that came back. Nested loops stay off: see 0004.
create or replace function inventory_reservations_journal_update() returns trigger
language plpgsql
set search_path = pg_catalog, public, pg_temp
set enable_nestloop = off
as $$
begin
  insert into inventory_journal (drop_product_id, kind, units, reservations)
  select drop_product_id, kind, sum(quantity), count(*)
  from (
    select
      a.drop_product_id,
      case when a.status <> b.status then a.quantity else a.returned_quantity - b.returned_quantity end as quantity,
      case
        when a.status = b.status then 'return'
        when a.status = 'held' then 'reserve'
        when a.status = 'released' then 'release'
        when a.status = 'expired' then 'expire'
        when b.status = 'held' then 'confirm'
        else 'reclaim'
      end as kind
    from after_move a
    join before_move b using (id)
    where a.status <> b.status or a.returned_quantity <> b.returned_quantity
  ) as moves
  group by drop_product_id, kind;
  return null;
end
$$;
