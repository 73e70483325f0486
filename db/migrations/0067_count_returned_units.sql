-- Limits and the auditor know of units that came back, and the auditor of refunds.

-- As before, but units that came back no longer count against their buyer's limit.
create or replace function _line_over_limit(
  p_customer_id text, p_product_ids uuid[], p_quantities integer[], p_now timestamptz
) returns jsonb
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_dead uuid[];
begin
  if p_customer_id is not null then
    v_dead := array(
      select r.id
      from reclaimable_reservations r
      where r.checkout_id in (select c.id from checkouts c where c.customer_id = p_customer_id)
        and r.drop_product_id = any (
          array(select id from drop_products where id = any (p_product_ids) and max_per_customer is not null))
        and r.reclaim_after <= p_now
      order by r.id
      limit 200
      for update of r skip locked
    );
    if cardinality(v_dead) > 0 then
      perform _lock_products(p_product_ids);
      perform _end_holds(v_dead, 'expired');
    end if;
  end if;
  return (
    select jsonb_build_object(
      'drop_product_id', p.id, 'product_name', p.name, 'requested', line.units,
      'max_per_customer', p.max_per_customer, 'already', coalesce(taken.units, 0))
    from unnest(p_product_ids, p_quantities) as line (id, units)
    join drop_products p on p.id = line.id
    left join lateral (
      select sum(r.quantity - r.returned_quantity) as units
      from checkouts c
      join inventory_reservations r on r.checkout_id = c.id
      where c.customer_id = p_customer_id
        and r.drop_product_id = line.id
        and r.status in ('held', 'confirmed')
    ) as taken on true
    where line.units + coalesce(taken.units, 0) > p.max_per_customer
    order by p.id
    limit 1
  );
end
$$;

-- The same for the customers of a batch.
create or replace function _count_units(p_customer_ids text[])
returns table (customer_id text, drop_product_id uuid, units integer)
language sql stable
set search_path = pg_catalog, public, pg_temp
set enable_hashjoin = off
set enable_mergejoin = off
set max_parallel_workers_per_gather = 0
as $$
  select c.customer_id, r.drop_product_id,
    (sum(r.quantity - r.returned_quantity) filter (where r.status in ('held', 'confirmed')))::integer
  from unnest(p_customer_ids) as wanted (id)
  join checkouts c on c.customer_id = wanted.id
  join inventory_reservations r on r.checkout_id = c.id
  group by c.customer_id, r.drop_product_id;
$$;

-- As before, with returned units, and the money of an order beside its units.
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
