-- What must hold at every instant, as a view that is empty while it does; and who may call what.

create view inventory_drift as
with reserved as (
  select
    drop_product_id,
    coalesce(sum(quantity) filter (where status = 'held'), 0) as held,
    coalesce(sum(quantity) filter (where status = 'confirmed'), 0) as confirmed
  from inventory_reservations
  group by drop_product_id
), journalled as (
  select
    drop_product_id,
    coalesce(sum(units) filter (where kind = 'total'), 0) as total,
    coalesce(sum(case when kind in ('reserve', 'reclaim') then -units when kind = 'confirm' then 0 else units end), 0)
      as available,
    coalesce(sum(case kind when 'reserve' then units when 'release' then -units when 'expire' then -units
      when 'confirm' then -units else 0 end), 0) as held,
    coalesce(sum(units) filter (where kind in ('confirm', 'reclaim')), 0) as confirmed
  from inventory_journal
  group by drop_product_id
), counted as (
  select
    p.id, p.total_inventory, p.available_inventory, coalesce(r.held, 0) as held, coalesce(r.confirmed, 0) as confirmed,
    jsonb_build_object(
      'total', p.total_inventory, 'available', p.available_inventory, 'held', coalesce(r.held, 0),
      'confirmed', coalesce(r.confirmed, 0), 'journal', to_jsonb(j) - 'drop_product_id') as numbers,
    j.total as journal_total, j.available as journal_available, j.held as journal_held,
    j.confirmed as journal_confirmed
  from drop_products p
  left join reserved r on r.drop_product_id = p.id
  left join journalled j on j.drop_product_id = p.id
)
select 'units_do_not_add_up' as kind, id as drop_product_id, null::uuid as checkout_id, numbers as detail
from counted
where available_inventory + held + confirmed <> total_inventory
union all
select 'journal_does_not_explain', id, null, numbers
from counted
where (total_inventory, available_inventory, held, confirmed)
  is distinct from (journal_total, journal_available, journal_held, journal_confirmed)
union all
select 'held_by_closed_checkout', r.drop_product_id, c.id, jsonb_build_object('status', c.status)
from inventory_reservations r
join checkouts c on c.id = r.checkout_id
where r.status = 'held' and not checkout_is_open(c.status)
union all
select 'confirmed_without_order', r.drop_product_id, c.id, jsonb_build_object('status', c.status)
from inventory_reservations r
join checkouts c on c.id = r.checkout_id
left join orders o on o.checkout_id = c.id
where r.status = 'confirmed' and (o.id is null or c.status <> 'confirmed')
union all
select 'order_without_units', l.drop_product_id, c.id, jsonb_build_object('quantity', l.quantity)
from checkouts c
join checkout_lines l on l.checkout_id = c.id
where c.status = 'confirmed' and not exists (
  select 1 from inventory_reservations r
  where r.checkout_id = c.id and r.drop_product_id = l.drop_product_id
    and r.status = 'confirmed' and r.quantity = l.quantity)
union all
select 'split_deadline', null, null, jsonb_build_object('payment_intent_id', payment_intent_id)
from inventory_reservations
where status = 'held'
group by payment_intent_id
having count(distinct expires_at) > 1
union all
select 'refund_without_decision', null, c.id, jsonb_build_object('status', c.status)
from checkouts c
where c.status in ('refund_pending', 'refunded')
  and not exists (select 1 from refunds f where f.checkout_id = c.id);
comment on view inventory_drift is 'Empty whenever nothing is broken. Read it in one statement: it compares many rows.';

-- The four required functions run with their owner's rights, so calling them is a grant of its own; nothing else is meant for
-- foreign roles at all.
revoke execute on all functions in schema public from public;
