-- Step 1 for a batch, in one statement: the same rows and answers as open_checkout for each, with one update per product, one
-- commit, and one wake-up of whoever waits for a hot row.

-- Takes back the dead holds these customers have of limited products: an abandoned checkout must not use up a limit. As in
-- _line_over_limit: own rows with skip locked, then all products, then the counters.
create function _lock_batch_products(p_customer_ids text[], p_product_ids uuid[], p_now timestamptz) returns void
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_dead uuid[];
begin
  if array_remove(p_customer_ids, null) <> '{}' then
    v_dead := array(
      select r.id
      from (select distinct id from unnest(p_customer_ids) as id where id is not null) as wanted
      join checkouts c on c.customer_id = wanted.id
      join reclaimable_reservations r on r.checkout_id = c.id
      where r.drop_product_id = any (
          array(select id from drop_products where id = any (p_product_ids) and max_per_customer is not null))
        and r.reclaim_after <= p_now
      order by r.id
      limit 5000
      for update of r skip locked
    );
  end if;
  perform _lock_products(p_product_ids);
  if cardinality(v_dead) > 0 then
    perform _end_holds(v_dead, 'expired');
  end if;
end
$$;

-- Why the members without a price cannot have one. Most batches have none of them.
create function _refusals(
  p_amounts_minor bigint[], p_line_owners integer[], p_line_product_ids uuid[], p_line_units integer[], p_now timestamptz
) returns table (owner integer, failure_code text, failure_detail jsonb)
language sql stable
set search_path = pg_catalog, public, pg_temp
as $$
  select unpriced.owner, q.failure_code, q.failure_detail
  from (
    select l.owner, array_agg(l.id order by l.id) as ids, array_agg(l.units order by l.id) as units
    from unnest(p_line_owners, p_line_product_ids, p_line_units) as l (owner, id, units)
    where p_amounts_minor[l.owner] is null
    group by l.owner
  ) as unpriced
  cross join lateral _quote_lines(unpriced.ids, unpriced.units, p_now) as q;
$$;

-- Price, or reason of refusal, of each fresh member, at the positions of the batch. Neither: its lines became sellable while
-- this was read; the single function shall look again. The units of those with a price are taken.
create function _decide_batch(
  p_customer_ids text[], p_line_owners integer[], p_line_product_ids uuid[], p_line_units integer[], p_now timestamptz,
  out amounts_minor bigint[], out currencies text[], out failure_codes text[], out failure_details jsonb[]
)
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_owners integer[];
  v_product_ids uuid[];
  v_units integer[];
begin
  select q.amounts_minor, q.currencies into amounts_minor, currencies
  from _quote_batch(cardinality(p_customer_ids), p_line_owners, p_line_product_ids, p_line_units, p_now) q;
  select array_agg(l.owner), array_agg(l.id), array_agg(l.units)
  into v_owners, v_product_ids, v_units
  from unnest(p_line_owners, p_line_product_ids, p_line_units) as l (owner, id, units)
  join unnest(amounts_minor) with ordinality as m (amount_minor, position)
    on m.position = l.owner and m.amount_minor is not null;
  if v_owners is not null then
    select c.failure_codes, c.failure_details into failure_codes, failure_details
    from _claim_batch(p_customer_ids, v_owners, v_product_ids, v_units, p_now) c;
  end if;
  select
    array_agg(case when m.failure_code is null then m.amount_minor end order by m.position),
    array_agg(coalesce(m.failure_code, q.failure_code) order by m.position),
    array_agg(coalesce(m.failure_detail, q.failure_detail) order by m.position)
  into amounts_minor, failure_codes, failure_details
  from unnest(amounts_minor, failure_codes, failure_details) with ordinality
    as m (amount_minor, failure_code, failure_detail, position)
  left join _refusals(amounts_minor, p_line_owners, p_line_product_ids, p_line_units, p_now) q
    on q.owner = m.position;
end
$$;

-- The rows of a decided batch: opened where there is an amount, refused where there is a reason, nothing where neither is.
create function _write_checkouts(
  p_checkout_ids uuid[], p_request_fingerprints text[], p_customer_ids text[], p_amounts_minor bigint[],
  p_currencies text[], p_failure_codes text[], p_failure_details jsonb[], p_window_seconds integer[],
  p_payment_attempts_max integer[], p_now timestamptz
) returns void
language sql volatile
set search_path = pg_catalog, public, pg_temp
as $$
  insert into checkouts
    (id, request_fingerprint, customer_id, opened_at, status, amount_minor, currency, window_seconds,
     payment_attempts_max, expires_at)
  select
    m.id, m.fingerprint, m.customer_id, p_now, 'opening', m.amount_minor, m.currency, m.window_seconds, m.attempts_max,
    p_now + make_interval(secs => m.window_seconds)
  from unnest(
    p_checkout_ids, p_request_fingerprints, p_customer_ids, p_amounts_minor, p_currencies, p_window_seconds,
    p_payment_attempts_max
  ) as m (id, fingerprint, customer_id, amount_minor, currency, window_seconds, attempts_max)
  where m.amount_minor is not null;

  insert into checkouts (id, request_fingerprint, customer_id, opened_at, status, failure_code, failure_detail)
  select m.id, m.fingerprint, m.customer_id, p_now, 'refused', m.failure_code, m.failure_detail
  from unnest(p_checkout_ids, p_request_fingerprints, p_customer_ids, p_failure_codes, p_failure_details)
    as m (id, fingerprint, customer_id, failure_code, failure_detail)
  where m.failure_code is not null;
$$;

create function _write_lines(
  p_checkout_ids uuid[], p_amounts_minor bigint[], p_window_seconds integer[], p_reclaim_grace_seconds integer[],
  p_line_owners integer[], p_line_product_ids uuid[], p_line_units integer[], p_now timestamptz
) returns void
language sql volatile
set search_path = pg_catalog, public, pg_temp
as $$
  insert into checkout_lines (checkout_id, drop_product_id, product_name, unit_price_minor, quantity)
  select m.id, p.id, p.name, p.unit_price_minor, line.units
  from unnest(p_line_owners, p_line_product_ids, p_line_units) as line (owner, product_id, units)
  join unnest(p_checkout_ids, p_amounts_minor) with ordinality as m (id, amount_minor, position)
    on m.position = line.owner and m.amount_minor is not null
  join drop_products p on p.id = line.product_id;

  insert into inventory_reservations
    (drop_product_id, quantity, payment_intent_id, expires_at, created_at, checkout_id, reclaim_after)
  select
    line.product_id, line.units, 'checkout:' || m.id, p_now + make_interval(secs => m.window_seconds), p_now, m.id,
    p_now + make_interval(secs => m.window_seconds) + make_interval(secs => m.grace_seconds)
  from unnest(p_line_owners, p_line_product_ids, p_line_units) as line (owner, product_id, units)
  join unnest(p_checkout_ids, p_amounts_minor, p_window_seconds, p_reclaim_grace_seconds) with ordinality
    as m (id, amount_minor, window_seconds, grace_seconds, position)
    on m.position = line.owner and m.amount_minor is not null;
$$;

create function open_checkouts(
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
    join unnest(v_verdicts) with ordinality as m (verdict, position) on m.position = line.owner and m.verdict = 'fresh'
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
    perform _write_checkouts(
      p_checkout_ids, p_request_fingerprints, p_customer_ids, v_amounts, v_currencies, v_codes, v_details,
      p_window_seconds, p_payment_attempts_max, v_now);
    perform _write_lines(
      p_checkout_ids, v_amounts, p_window_seconds, p_reclaim_grace_seconds, v_owners, v_ids, v_units, v_now);
  end if;
  return query
    select m.position::integer, coalesce(a.outcome, 'single'), a.status, a.failure_code, a.order_id, a.amount_minor,
      a.currency, a.payment_intent_id, a.opened_at_unix_seconds, a.reservation_ids
    from unnest(p_checkout_ids, v_verdicts) with ordinality as m (id, verdict, position)
    left join checkout_open_answers a on a.checkout_id = m.id and m.verdict <> 'single'
    order by m.position;
end
$$;
comment on function open_checkouts(uuid[], text[], text[], integer[], integer[], integer[], integer[], uuid[], integer[]) is
  'open_checkout for a batch: member n of the answer is member n of the arrays; p_line_owners names the member of each line. '
  'Outcome single: nothing was done for this member, call open_checkout. Decides first come, first served.';

revoke execute on all functions in schema public from public;
