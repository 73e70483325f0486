-- The auditor, complete: every way in which counter, journal, reservations, checkouts and orders could contradict each other
-- has a name. And an opening balance for products that the journal does not know.

create or replace view inventory_drift as
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
  and not exists (select 1 from refunds f where f.checkout_id = c.id)
union all
select 'confirmed_checkout_without_order', null, c.id, jsonb_build_object('status', c.status)
from checkouts c
where c.status = 'confirmed' and not exists (select 1 from orders o where o.checkout_id = c.id)
union all
select 'order_of_another_amount', null, c.id,
  jsonb_build_object('order', o.amount_minor, 'checkout', c.amount_minor, 'status', c.status)
from orders o
join checkouts c on c.id = o.checkout_id
where c.status <> 'confirmed' or o.payment_intent_id is distinct from c.payment_intent_id
  or o.amount_minor is distinct from c.amount_minor
  or o.amount_minor is distinct from (
    select sum(i.unit_price_minor * i.quantity) from order_items i where i.order_id = o.id)
union all
select 'lines_of_another_amount', null, c.id, jsonb_build_object('amount_minor', c.amount_minor, 'lines', l.amount_minor)
from checkouts c
left join (
  select checkout_id, sum(unit_price_minor * quantity) as amount_minor from checkout_lines group by checkout_id
) as l on l.checkout_id = c.id
where c.amount_minor is distinct from l.amount_minor
union all
select 'reservation_of_no_line', r.drop_product_id, r.checkout_id, jsonb_build_object('quantity', r.quantity)
from inventory_reservations r
left join checkout_lines l on l.checkout_id = r.checkout_id and l.drop_product_id = r.drop_product_id
where r.checkout_id is not null and l.quantity is distinct from r.quantity
union all
select 'reservation_of_another_payment', r.drop_product_id, c.id,
  jsonb_build_object('reservation', r.payment_intent_id, 'checkout', c.payment_intent_id)
from inventory_reservations r
join checkouts c on c.id = r.checkout_id
where r.status in ('held', 'confirmed')
  and r.payment_intent_id <> coalesce(c.payment_intent_id, 'checkout:' || c.id);

create function find_inventory_drift(p_max integer default 100)
returns table (kind text, drop_product_id uuid, checkout_id uuid, detail jsonb)
language sql stable
set search_path = pg_catalog, public, pg_temp
as $$
  select kind, drop_product_id, checkout_id, detail from inventory_drift limit p_max;
$$;
comment on function find_inventory_drift(integer) is
  'Every contradiction between counters, journal, reservations, checkouts and orders, by name. Empty: nothing is broken.';

-- Opening balance: a product the journal has never heard of begins with what its rows say. The products are locked, so that
-- nothing moves between the sum and its row.
lock table drop_products in share row exclusive mode;
insert into inventory_journal (drop_product_id, kind, units, reservations)
select balance.id, balance.kind, balance.units, balance.reservations
from (
  select p.id, 'total' as kind, p.total_inventory as units, 0 as reservations from drop_products p
  union all
  select r.drop_product_id, 'reserve', sum(r.quantity), count(*)
  from inventory_reservations r where r.status in ('held', 'confirmed') group by r.drop_product_id
  union all
  select r.drop_product_id, 'confirm', sum(r.quantity), count(*)
  from inventory_reservations r where r.status = 'confirmed' group by r.drop_product_id
) as balance (id, kind, units, reservations)
where balance.units <> 0
  and not exists (select 1 from inventory_journal j where j.drop_product_id = balance.id);

revoke execute on all functions in schema public from public;
