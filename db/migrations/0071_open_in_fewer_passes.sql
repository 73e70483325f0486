-- The batched open again, with the same rows and answers: written in one statement, and answered from what is being written instead
-- of being read back. Nothing is looked up that cannot be there.

-- As before; closed_at says the same as the status (checkouts_closed_ck), and only a closed checkout has an order.
create or replace view checkout_open_answers as
select
  c.id as checkout_id,
  case when c.closed_at is null then 'opened' else 'closed' end as outcome,
  c.status,
  c.failure_code,
  case when c.closed_at is not null then (select o.id from orders o where o.checkout_id = c.id) end as order_id,
  c.amount_minor,
  c.currency,
  c.payment_intent_id,
  floor(extract(epoch from c.opened_at))::bigint as opened_at_unix_seconds,
  array(
    select r.id from inventory_reservations r where r.checkout_id = c.id order by r.drop_product_id
  ) as reservation_ids
from checkouts c;

-- As before.
create or replace function _open_verdicts(
  p_checkout_ids uuid[], p_request_fingerprints text[], p_customer_ids text[], p_window_seconds integer[],
  p_reclaim_grace_seconds integer[], p_payment_attempts_max integer[],
  p_line_owners integer[], p_line_product_ids uuid[], p_line_quantities integer[]
) returns text[]
language plpgsql stable
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_twice uuid[] := array(select id from unnest(p_checkout_ids) as id group by id having count(*) > 1);
begin
  return (
    select array_agg(
      case
        when m.id = any (v_twice) and m.position > array_position(p_checkout_ids, m.id) then 'single'
        when m.fingerprint is distinct from coalesce(c.request_fingerprint, m.fingerprint) then 'single'
        when c.id is not null then 'known'
        when m.id is null or m.fingerprint is null or length(m.customer_id) not between 1 and 200
          or coalesce(least(m.window_seconds, m.attempts_max), 0) < 1 or coalesce(m.grace_seconds, -1) < 0
          or l.is_sound is not true then 'single'
        else 'fresh'
      end order by m.position)
    from unnest(
      p_checkout_ids, p_request_fingerprints, p_customer_ids, p_window_seconds, p_reclaim_grace_seconds,
      p_payment_attempts_max
    ) with ordinality as m (id, fingerprint, customer_id, window_seconds, grace_seconds, attempts_max, position)
    left join checkouts c on c.id = m.id
    left join (
      select owner,
        count(*) <= 200
          and bool_and(coalesce(product_id is not null and quantity between 1 and 1000000, false)) as is_sound
      from unnest(p_line_owners, p_line_product_ids, p_line_quantities) as line (owner, product_id, quantity)
      group by owner
    ) as l on l.owner = m.position);
end
$$;

-- The rows of a decided batch, in one statement: opened where there is an amount, refused where there is a reason, nothing where
-- neither is. Each opened member's reservations, ascending by product.
drop function _write_checkouts;
drop function _write_lines;
create function _write_batch(
  p_checkout_ids uuid[], p_request_fingerprints text[], p_customer_ids text[], p_window_seconds integer[],
  p_reclaim_grace_seconds integer[], p_payment_attempts_max integer[], p_amounts_minor bigint[], p_currencies text[],
  p_failure_codes text[], p_failure_details jsonb[], p_line_owners integer[], p_line_product_ids uuid[],
  p_line_units integer[], p_now timestamptz
) returns table (member bigint, reservation_ids uuid[])
language sql volatile
set search_path = pg_catalog, public, pg_temp
as $$
  with refused as (
    insert into checkouts (id, request_fingerprint, customer_id, opened_at, status, failure_code, failure_detail)
    select m.id, m.fingerprint, m.customer_id, p_now, 'refused', m.failure_code, m.failure_detail
    from unnest(p_checkout_ids, p_request_fingerprints, p_customer_ids, p_failure_codes, p_failure_details)
      as m (id, fingerprint, customer_id, failure_code, failure_detail)
    where m.failure_code is not null
  ), opened as materialized (
    select m.*, p_now + make_interval(secs => m.window_seconds) as expires_at
    from unnest(
      p_checkout_ids, p_request_fingerprints, p_customer_ids, p_window_seconds, p_reclaim_grace_seconds,
      p_payment_attempts_max, p_amounts_minor, p_currencies
    ) with ordinality as m (
      id, fingerprint, customer_id, window_seconds, grace_seconds, attempts_max, amount_minor, currency, member)
    where m.amount_minor is not null
  ), written as (
    insert into checkouts
      (id, request_fingerprint, customer_id, opened_at, status, amount_minor, currency, window_seconds,
       payment_attempts_max, expires_at)
    select id, fingerprint, customer_id, p_now, 'opening', amount_minor, currency, window_seconds, attempts_max, expires_at
    from opened
  ), line as materialized (
    select o.member, o.id as checkout_id, l.product_id, l.units, o.expires_at, o.grace_seconds
    from unnest(p_line_owners, p_line_product_ids, p_line_units) as l (owner, product_id, units)
    join opened o on o.member = l.owner
  ), priced as (
    insert into checkout_lines (checkout_id, drop_product_id, product_name, unit_price_minor, quantity)
    select line.checkout_id, p.id, p.name, p.unit_price_minor, line.units
    from line
    join (select * from drop_products where id = any (p_line_product_ids)) p on p.id = line.product_id
  ), held as (
    insert into inventory_reservations
      (drop_product_id, quantity, payment_intent_id, expires_at, created_at, checkout_id, reclaim_after)
    select
      product_id, units, 'checkout:' || checkout_id, expires_at, p_now, checkout_id,
      expires_at + make_interval(secs => grace_seconds)
    from line
    returning id, checkout_id, drop_product_id
  )
  select o.member, array_agg(h.id order by h.drop_product_id)
  from held h
  join opened o on o.id = h.checkout_id
  group by o.member;
$$;

create or replace function open_checkouts(
  p_checkout_ids uuid[], p_request_fingerprints text[], p_customer_ids text[], p_window_seconds integer[],
  p_reclaim_grace_seconds integer[], p_payment_attempts_max integer[],
  p_line_owners integer[], p_line_product_ids uuid[], p_line_quantities integer[]
) returns table (
  member integer, outcome text, status text, failure_code text, order_id uuid, amount_minor bigint, currency text,
  payment_intent_id text, opened_at_unix_seconds bigint, reservation_ids uuid[]
)
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_verdicts text[];
  v_owners integer[];
  v_ids uuid[];
  v_units integer[];
  v_now timestamptz;
  v_amounts bigint[];
  v_currencies text[];
  v_codes text[];
  v_details jsonb[];
begin
  perform _require_read_committed();
  perform _lock_checkouts(p_checkout_ids);
  v_verdicts := _open_verdicts(
    p_checkout_ids, p_request_fingerprints, p_customer_ids, p_window_seconds, p_reclaim_grace_seconds,
    p_payment_attempts_max, p_line_owners, p_line_product_ids, p_line_quantities);
  -- Lines of the same product merged, as everywhere: checked one by one, both would pass.
  select array_agg(l.owner order by l.owner, l.id), array_agg(l.id order by l.owner, l.id),
    array_agg(l.units order by l.owner, l.id)
  into v_owners, v_ids, v_units
  from (
    select line.owner, line.id, sum(line.quantity)::integer as units
    from unnest(p_line_owners, p_line_product_ids, p_line_quantities) as line (owner, id, quantity)
    where v_verdicts[line.owner] = 'fresh'
    group by line.owner, line.id
  ) as l;
  if v_owners is not null then
    perform _lock_customers(array(select p_customer_ids[owner] from unnest(v_owners) as owner), v_ids);
    perform _lock_batch_products(p_customer_ids, v_ids, clock_timestamp());
    -- Read after every lock: a buyer who waited for one still gets the whole window.
    v_now := clock_timestamp();
    select d.amounts_minor, d.currencies, d.failure_codes, d.failure_details
    into v_amounts, v_currencies, v_codes, v_details
    from _decide_batch(p_customer_ids, v_owners, v_ids, v_units, v_now) d;
  end if;
  -- Known members are read from their rows, the others are what is being written.
  return query
    select
      m.position::integer,
      case
        when m.verdict = 'known' then a.outcome
        when m.amount_minor is not null then 'opened'
        when m.failure_code is not null then 'closed'
        else 'single'
      end,
      coalesce(a.status, case when m.amount_minor is not null then 'opening' when m.failure_code is not null then 'refused' end),
      coalesce(a.failure_code, m.failure_code),
      a.order_id,
      coalesce(a.amount_minor, m.amount_minor),
      coalesce(a.currency, m.currency),
      a.payment_intent_id,
      coalesce(
        a.opened_at_unix_seconds,
        case when coalesce(m.currency, m.failure_code) is not null then floor(extract(epoch from v_now))::bigint end),
      coalesce(a.reservation_ids, w.reservation_ids, case when m.failure_code is not null then '{}'::uuid[] end)
    from unnest(p_checkout_ids, v_verdicts, v_amounts, v_currencies, v_codes) with ordinality
      as m (id, verdict, amount_minor, currency, failure_code, position)
    left join checkout_open_answers a on a.checkout_id = m.id and m.verdict = 'known'
    left join _write_batch(
      p_checkout_ids, p_request_fingerprints, p_customer_ids, p_window_seconds, p_reclaim_grace_seconds,
      p_payment_attempts_max, v_amounts, v_currencies, v_codes, v_details, v_owners, v_ids, v_units, v_now
    ) w on w.member = m.position
    order by m.position;
end
$$;

revoke execute on all functions in schema public from public;
