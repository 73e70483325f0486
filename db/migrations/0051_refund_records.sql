-- Refunds of every origin on one record, and units that come back from a sold order.

-- Who decided, and why. 'late': money that came when no units were left. 'operator': a person here. 'dashboard': a person
-- at Stripe; we only hear of it.
alter table refunds
  add column origin text not null default 'late' check (origin in ('late', 'operator', 'dashboard')),
  add column requested_by text check (length(requested_by) between 1 and 200),
  add column reason text check (length(reason) between 1 and 500),
  -- Stripe's code or failure_reason; only with state failed.
  add column failure_reason text,
  add constraint refunds_audit_ck check (origin <> 'operator' or (requested_by is not null and reason is not null)),
  add constraint refunds_key_ck check (length(request_key) <= 120);

-- Units that go back on sale once the money is back: only those that the operator named.
create table refund_lines (
  request_key text not null references refunds (request_key),
  drop_product_id uuid not null,
  quantity integer not null check (quantity > 0),
  returned_at timestamptz,
  primary key (request_key, drop_product_id)
);

-- The reservation stays what it was sold as; what came back is counted beside it.
alter table inventory_reservations
  add column returned_quantity integer not null default 0,
  add constraint inventory_reservations_returned_ck
    check (returned_quantity between 0 and quantity and (returned_quantity = 0 or status = 'confirmed'));

alter table inventory_journal drop constraint inventory_journal_kind_check;
alter table inventory_journal add constraint inventory_journal_kind_check
  check (kind in ('total', 'reserve', 'release', 'expire', 'reclaim', 'confirm', 'return'));

alter table webhook_events drop constraint webhook_events_outcome_check;
alter table webhook_events add constraint webhook_events_outcome_check check (outcome in (
  'ignored', 'no_effect', 'confirmed', 'refund_pending', 'released', 'attempt', 'processing', 'recorded'));

create function _order_status(p_amount_minor bigint, p_given_back_minor numeric) returns text
language sql immutable
set search_path = pg_catalog, public, pg_temp
as $$
  select case
    when p_given_back_minor >= p_amount_minor then 'refunded'
    when p_given_back_minor > 0 then 'partially_refunded'
    else 'paid'
  end;
$$;
revoke execute on function _order_status(bigint, numeric) from public;

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
select 'order_status_without_refunds', null, checkout_id,
  jsonb_build_object('status', status, 'given_back', given_back)
from refunded
where status <> _order_status(amount_minor, given_back)
union all
select 'more_refunded_than_paid', null, checkout_id, jsonb_build_object('decided', decided)
from refunded
where decided > amount_minor;
