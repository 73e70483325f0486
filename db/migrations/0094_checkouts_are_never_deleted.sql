-- Every opened line paid for two looks at the checkout that the same statement had just written: a sixth of a batch. Instead, what the
-- references stood for is kept where it could break: a checkout is never deleted, and its id never changes (checkouts_guard). Lines
-- and reservations are written by functions only, which have the checkout in hand; the auditor names one without.
--
-- Both tables are locked first, in the order in which a sale does it. Who goes the other way round makes this file wait too long: it
-- gives up and is tried again (db/migrate.ts).
lock table checkouts, checkout_lines, inventory_reservations in access exclusive mode;

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

alter table checkout_lines drop constraint checkout_lines_checkout_id_fkey;
alter table inventory_reservations drop constraint inventory_reservations_checkout_id_fkey;

-- As before, and lines whose checkout is not there; a reservation without lines was named already.
create or replace view inventory_drift as
with reserved as (
  select
    drop_product_id,
    coalesce(sum(quantity) filter (where status = 'held'), 0) as held,
    coalesce(sum(quantity - returned_quantity) filter (where status = 'confirmed'), 0) as confirmed
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
    coalesce(sum(case when kind in ('confirm', 'reclaim') then units when kind = 'return' then -units else 0 end), 0)
      as confirmed
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
), refunded as (
  select
    o.id, o.checkout_id, o.status, o.amount_minor,
    coalesce(sum(f.amount_minor) filter (where f.state = 'succeeded'), 0) as given_back,
    coalesce(sum(f.amount_minor) filter (where f.state <> 'failed'), 0) as decided
  from orders o
  left join refunds f on f.checkout_id = o.checkout_id
  group by o.id
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
select 'lines_of_another_amount', null, coalesce(c.id, l.checkout_id),
  jsonb_build_object('amount_minor', c.amount_minor, 'lines', l.amount_minor)
from checkouts c
full join (
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
  and r.payment_intent_id <> coalesce(c.payment_intent_id, 'checkout:' || c.id)
union all
select 'order_status_without_refunds', null, checkout_id,
  jsonb_build_object('status', status, 'given_back', given_back)
from refunded
where status <> _order_status(amount_minor, given_back)
union all
select 'more_refunded_than_paid', null, checkout_id, jsonb_build_object('decided', decided)
from refunded
where decided > amount_minor;

revoke execute on all functions in schema public from public;
