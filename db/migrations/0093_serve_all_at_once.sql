-- The batched open, for the usual case that everybody in the batch can be served: decided by one look at the whole batch, before
-- the products are locked, and the units are taken last. So a hot product is locked for one update and the commit instead of for
-- everything a batch writes, and the next batch can write its rows meanwhile. What was read without a lock is only believed if the
-- units are still there when they are taken: if not, what was written is undone and the members are asked in turn, under the locks,
-- as before.
--
-- What a member is made of is checked before it is sent (db/batch-fitness.ts): ids once each, lines merged and ascending by product;
-- a constraint refuses what gets past, and a refused batch runs singly. Same rows and answers as before.

drop function _open_verdicts;
drop function _write_batch;

-- What each member that has lines pays, at its position, if all of them can be served as things stand; nulls if one cannot, or is left
-- for the turns: a customer with two orders in the batch is. Customers are locked by the caller, products need not be.
create function _quote_all(
  p_customer_ids text[], p_line_owners integer[], p_line_product_ids uuid[], p_line_units integer[], p_now timestamptz,
  out amounts_minor bigint[], out currencies text[]
)
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_open_max integer := (select open_checkouts_per_customer_max from inventory_settings);
  v_customer record;
  v_can_all boolean;
begin
  select * into v_customer from _number_customers(p_customer_ids, p_line_owners, p_line_product_ids, p_now);
  with product as materialized (
    select
      p.id, p.unit_price_minor, p.max_per_customer, p.available_inventory, d.currency, c.amount_minor_min, c.amount_minor_max
    from drop_products p
    join drops d on d.id = p.drop_id
    join currencies c on c.code = d.currency
    where p.id = any (p_line_product_ids) and d.opens_at <= p_now and p_now < coalesce(d.closes_at, 'infinity')
  ), line as materialized (
    select
      l.owner, l.customer, l.units, p.*,
      p.id is not null
        and coalesce(l.units + l.taken <= p.max_per_customer, true)
        and coalesce(l.open_checkouts < v_open_max, true) as is_allowed
    from unnest(
      p_line_owners, p_line_product_ids, p_line_units, v_customer.customers, v_customer.taken, v_customer.open_checkouts
    ) as l (owner, product_id, units, customer, taken, open_checkouts)
    left join product p on p.id = l.product_id
  ), member as (
    select
      owner, min(customer) as customer, min(currency) as currency, sum(unit_price_minor * units)::bigint as amount_minor,
      bool_and(is_allowed) and min(currency) = max(currency)
        and sum(unit_price_minor * units) between min(amount_minor_min) and max(amount_minor_max) as is_allowed
    from line
    group by owner
  )
  select
    bool_and(coalesce(m.is_allowed, m.owner is null)) and count(distinct m.customer) = count(m.customer)
      and (select bool_and(units <= available) from (
        select sum(units) as units, min(available_inventory) as available from line group by id) as wanted),
    array_agg(m.amount_minor order by position), array_agg(m.currency order by position)
  into v_can_all, amounts_minor, currencies
  from generate_series(1, cardinality(p_customer_ids)) as position
  left join member m on m.owner = position;
  if v_can_all is not true then
    amounts_minor := null;
    currencies := null;
  end if;
end
$$;

-- Takes the units of all lines, or raises HF013: they are not there any more, or it had to wait so long that the buyers' windows, which
-- have begun, would be noticeably short.
create function _take_quoted(p_line_product_ids uuid[], p_line_units integer[]) returns void
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_asked_at timestamptz := clock_timestamp();
  v_products integer;
  v_taken integer;
begin
  perform _lock_products(p_line_product_ids);
  select count(distinct id) into v_products from unnest(p_line_product_ids) as id;
  update drop_products p set available_inventory = p.available_inventory - wanted.units
  from (
    select id, sum(units) as units from unnest(p_line_product_ids, p_line_units) as line (id, units) group by id
  ) as wanted
  where p.id = wanted.id and p.available_inventory >= wanted.units;
  get diagnostics v_taken = row_count;
  if v_taken < v_products or clock_timestamp() > v_asked_at + interval '100 ms' then
    raise exception using errcode = 'HF013', message = 'the members of this batch must be asked in turn';
  end if;
end
$$;

-- Price, or reason of refusal, of each fresh member, at the positions of the batch. Neither: its lines became sellable while
-- this was read; the single function shall look again. The units of those with a price are taken.
create or replace function _decide_batch(
  p_customer_ids text[], p_line_owners integer[], p_line_product_ids uuid[], p_line_units integer[], p_now timestamptz,
  out amounts_minor bigint[], out currencies text[], out failure_codes text[], out failure_details jsonb[]
)
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_owner integer;
  v_code text;
  v_detail jsonb;
begin
  select c.amounts_minor, c.currencies, c.failure_codes, c.failure_details
  into amounts_minor, currencies, failure_codes, failure_details
  from _claim_batch(p_customer_ids, p_line_owners, p_line_product_ids, p_line_units, p_now) c;
  if array_position(amounts_minor, null) is null then
    return;
  end if;
  for v_owner, v_code, v_detail in
    select q.owner, q.failure_code, q.failure_detail
    from _refusals(amounts_minor, failure_codes, p_line_owners, p_line_product_ids, p_line_units, p_now) q
  loop
    failure_codes[v_owner] := v_code;
    failure_details[v_owner] := v_detail;
  end loop;
end
$$;

-- The rows of a decided batch: opened where there is an amount, refused where there is a reason, nothing where neither is. Answers
-- the reservations, each beside its checkout, those of one checkout ascending by product.
create function _write_batch(
  p_checkout_ids uuid[], p_request_fingerprints text[], p_customer_ids text[], p_window_seconds integer[],
  p_reclaim_grace_seconds integer[], p_payment_attempts_max integer[], p_amounts_minor bigint[], p_currencies text[],
  p_failure_codes text[], p_failure_details jsonb[], p_line_owners integer[], p_line_product_ids uuid[],
  p_line_units integer[], p_now timestamptz,
  out reserved_by uuid[], out reservation_ids uuid[]
)
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
begin
  insert into checkouts
    (id, request_fingerprint, customer_id, opened_at, status, failure_code, failure_detail, amount_minor, currency,
     window_seconds, payment_attempts_max, expires_at)
  select
    m.id, m.fingerprint, m.customer_id, p_now, case when m.amount_minor is null then 'refused' else 'opening' end,
    m.failure_code, m.failure_detail, m.amount_minor, m.currency,
    case when m.amount_minor is not null then m.window_seconds end,
    case when m.amount_minor is not null then m.attempts_max end,
    case when m.amount_minor is not null then p_now + make_interval(secs => m.window_seconds) end
  from unnest(
    p_checkout_ids, p_request_fingerprints, p_customer_ids, p_failure_codes, p_failure_details, p_amounts_minor, p_currencies,
    p_window_seconds, p_payment_attempts_max
  ) as m (id, fingerprint, customer_id, failure_code, failure_detail, amount_minor, currency, window_seconds, attempts_max)
  where m.amount_minor is not null or m.failure_code is not null;

  insert into checkout_lines (checkout_id, drop_product_id, product_name, unit_price_minor, quantity)
  select p_checkout_ids[line.owner], p.id, p.name, p.unit_price_minor, line.units
  from unnest(p_line_owners, p_line_product_ids, p_line_units) as line (owner, product_id, units)
  join (select * from drop_products where id = any (p_line_product_ids)) p on p.id = line.product_id
  where p_amounts_minor[line.owner] is not null;

  with held as (
    insert into inventory_reservations
      (drop_product_id, quantity, payment_intent_id, expires_at, created_at, checkout_id, reclaim_after)
    select
      line.product_id, line.units, 'checkout:' || p_checkout_ids[line.owner],
      p_now + make_interval(secs => p_window_seconds[line.owner]), p_now, p_checkout_ids[line.owner],
      p_now + make_interval(secs => p_window_seconds[line.owner] + p_reclaim_grace_seconds[line.owner])
    from unnest(p_line_owners, p_line_product_ids, p_line_units) as line (owner, product_id, units)
    where p_amounts_minor[line.owner] is not null
    returning id, checkout_id, drop_product_id
  )
  select array_agg(checkout_id order by drop_product_id), array_agg(id order by drop_product_id)
  into reserved_by, reservation_ids
  from held;
end
$$;

-- Which of these checkouts have a row. By the index, one by one, whatever the planner knows.
create function _known_checkouts(p_checkout_ids uuid[]) returns uuid[]
language plpgsql stable
set search_path = pg_catalog, public, pg_temp
set enable_hashjoin = off
set enable_mergejoin = off
as $$
begin
  return array(select c.id from unnest(p_checkout_ids) as wanted (id) join checkouts c on c.id = wanted.id);
end
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
  v_known uuid[];
  v_owners integer[] := p_line_owners;
  v_ids uuid[] := p_line_product_ids;
  v_units integer[] := p_line_quantities;
  v_now timestamptz;
  v_amounts bigint[];
  v_currencies text[];
  v_codes text[];
  v_details jsonb[];
  v_reserved_by uuid[];
  v_reservation_ids uuid[];
begin
  perform _require_read_committed();
  perform _lock_checkouts(p_checkout_ids);
  v_known := _known_checkouts(p_checkout_ids);
  if v_known <> '{}' then
    return query
      select
        m.position::integer, case when c.request_fingerprint = m.fingerprint then a.outcome else 'single' end, a.status,
        a.failure_code, a.order_id, a.amount_minor, a.currency, a.payment_intent_id, a.opened_at_unix_seconds,
        a.reservation_ids
      from unnest(p_checkout_ids, p_request_fingerprints) with ordinality as m (id, fingerprint, position)
      join checkouts c on c.id = m.id
      join checkout_open_answers a on a.checkout_id = m.id
      where m.id = any (v_known);
    select array_agg(l.owner order by n), array_agg(l.id order by n), array_agg(l.units order by n)
    into v_owners, v_ids, v_units
    from unnest(p_line_owners, p_line_product_ids, p_line_quantities) with ordinality as l (owner, id, units, n)
    where p_checkout_ids[l.owner] <> all (v_known);
  end if;
  if cardinality(v_owners) > 0 then
    perform _lock_customers(array(select p_customer_ids[owner] from unnest(v_owners) as owner), v_ids);
    v_now := clock_timestamp();
    select q.amounts_minor, q.currencies into v_amounts, v_currencies
    from _quote_all(p_customer_ids, v_owners, v_ids, v_units, v_now) q;
    if v_amounts is not null then
      begin
        select w.reserved_by, w.reservation_ids into v_reserved_by, v_reservation_ids
        from _write_batch(
          p_checkout_ids, p_request_fingerprints, p_customer_ids, p_window_seconds, p_reclaim_grace_seconds,
          p_payment_attempts_max, v_amounts, v_currencies, v_codes, v_details, v_owners, v_ids, v_units, v_now) w;
        perform _take_quoted(v_ids, v_units);
      exception when sqlstate 'HF013' then
        v_amounts := null;
      end;
    end if;
    if v_amounts is null then
      perform _lock_batch_products(p_customer_ids, v_ids, clock_timestamp());
      -- Read after every lock: a buyer who waited for one still gets the whole window.
      v_now := clock_timestamp();
      select d.amounts_minor, d.currencies, d.failure_codes, d.failure_details
      into v_amounts, v_currencies, v_codes, v_details
      from _decide_batch(p_customer_ids, v_owners, v_ids, v_units, v_now) d;
      select w.reserved_by, w.reservation_ids into v_reserved_by, v_reservation_ids
      from _write_batch(
        p_checkout_ids, p_request_fingerprints, p_customer_ids, p_window_seconds, p_reclaim_grace_seconds,
        p_payment_attempts_max, v_amounts, v_currencies, v_codes, v_details, v_owners, v_ids, v_units, v_now) w;
    end if;
  end if;
  -- From what was written, instead of reading it back.
  return query
    select
      m.position::integer,
      case when m.amount_minor is not null then 'opened' when m.failure_code is not null then 'closed' else 'single' end,
      case when m.amount_minor is not null then 'opening' when m.failure_code is not null then 'refused' end,
      m.failure_code, null::uuid, m.amount_minor, m.currency, null::text, floor(extract(epoch from v_now))::bigint,
      case when m.amount_minor is not null then w.reservation_ids else '{}' end
    from unnest(p_checkout_ids, v_amounts, v_currencies, v_codes) with ordinality
      as m (id, amount_minor, currency, failure_code, position)
    left join (
      select r.checkout_id, array_agg(r.id order by r.n) as reservation_ids
      from unnest(v_reserved_by, v_reservation_ids) with ordinality as r (checkout_id, id, n)
      group by r.checkout_id
    ) as w on w.checkout_id = m.id
    where m.id <> all (v_known);
end
$$;

revoke execute on all functions in schema public from public;
