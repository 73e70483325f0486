-- The batched open, shorter where nothing is in the way. If everybody in a batch can be served, nobody has to be asked in turn: one
-- look at the whole batch decides, and the loop over its members is for batches in which somebody is refused. What a member is made
-- of is checked before it is sent (db/checkout-batches.ts): ids once each, lines merged and ascending by product; a constraint refuses
-- the rest, and a refused batch runs singly. Same rows, answers and locks as before.

drop function _open_verdicts;
drop function _write_batch;
drop function _claim_batch;
drop function _decide_batch;
drop function _batch_products;

-- As before, and how many units are wanted.
create function _batch_products(
  p_line_product_ids uuid[], p_line_units integer[], p_now timestamptz,
  out ids uuid[], out names text[], out prices_minor bigint[], out currencies text[], out amounts_minor_min bigint[],
  out amounts_minor_max bigint[], out limits integer[], out wanted bigint[], out free integer[]
)
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
begin
  select
    array_agg(p.id order by p.id), array_agg(p.name order by p.id),
    array_agg(
      case when d.opens_at <= p_now and p_now < coalesce(d.closes_at, 'infinity') then p.unit_price_minor end
      order by p.id),
    array_agg(d.currency order by p.id), array_agg(c.amount_minor_min order by p.id),
    array_agg(c.amount_minor_max order by p.id), array_agg(p.max_per_customer order by p.id),
    array_agg(want.units order by p.id)
  into ids, names, prices_minor, currencies, amounts_minor_min, amounts_minor_max, limits, wanted
  from (
    select id, sum(units) as units from unnest(p_line_product_ids, p_line_units) as line (id, units) group by id
  ) as want
  join drop_products p on p.id = want.id
  join drops d on d.id = p.drop_id
  join currencies c on c.code = d.currency;
  free := _free_units(ids, wanted, p_now);
end
$$;

-- What each member that has lines pays, at its position, if all of them can be served; nulls if one cannot, or is left for the loop:
-- a customer with two orders in the batch is. Arrays by product and by line, as _claim_batch has them.
create function _amounts_of_all(
  p_members integer, p_line_owners integer[], p_line_products integer[], p_line_units integer[],
  p_customers integer[], p_taken integer[], p_open_checkouts integer[], p_open_checkouts_max integer,
  p_prices_minor bigint[], p_currencies text[], p_amounts_minor_min bigint[], p_amounts_minor_max bigint[], p_limits integer[],
  out amounts_minor bigint[], out currencies text[]
)
language plpgsql stable
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_can_all boolean;
begin
  with line as (
    select
      l.*, p_prices_minor[l.product] * l.units as amount_minor,
      p_prices_minor[l.product] is not null
        and coalesce(l.units + l.taken <= p_limits[l.product], true)
        and coalesce(l.open_checkouts < p_open_checkouts_max, true) as is_allowed
    from unnest(p_line_owners, p_line_products, p_line_units, p_customers, p_taken, p_open_checkouts)
      as l (owner, product, units, customer, taken, open_checkouts)
  ), member as (
    select
      owner, sum(amount_minor)::bigint as amount_minor, min(product) as product, min(customer) as customer,
      bool_and(is_allowed) and min(p_currencies[product]) = max(p_currencies[product]) as is_allowed
    from line
    group by owner
  )
  select
    bool_and(
      member.owner is null
      or (is_allowed and amount_minor between p_amounts_minor_min[product] and p_amounts_minor_max[product]))
      and count(distinct customer) = count(customer),
    array_agg(amount_minor order by position), array_agg(p_currencies[product] order by position)
  into v_can_all, amounts_minor, currencies
  from generate_series(1, p_members) as position
  left join member on member.owner = position;
  if v_can_all is not true then
    amounts_minor := null;
    currencies := null;
  end if;
end
$$;

-- Decides for every member that has lines here (ascending by owner), and takes the units of those who get them: one update per
-- product. At each member's position: what it pays, or why it was refused; neither where a line cannot be sold as it is.
-- Products and customers are locked.
create function _claim_batch(
  p_customer_ids text[], p_line_owners integer[], p_line_product_ids uuid[], p_line_units integer[], p_now timestamptz,
  out amounts_minor bigint[], out currencies text[], out failure_codes text[], out failure_details jsonb[]
)
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_open_max integer := (select open_checkouts_per_customer_max from inventory_settings);
  v_product record;
  v_customer record;
  v_all record;
  -- By product.
  v_ids uuid[];
  v_prices bigint[];
  v_currencies text[];
  v_limits integer[];
  v_free integer[];
  v_used integer[];
  -- By line.
  v_products integer[];
  v_pairs integer[];
  v_taken integer[];
  -- What this batch has given so far: units by pair, checkouts by customer.
  v_given integer[] := array_fill(0, array[cardinality(p_line_owners)]);
  v_opened integer[] := v_given;
  v_from integer := 1;
  v_to integer;
  v_at integer;
  v_customer_number integer;
  v_open integer;
  v_amount bigint;
  v_code text;
begin
  select * into v_product from _batch_products(p_line_product_ids, p_line_units, p_now);
  v_ids := v_product.ids;
  v_prices := v_product.prices_minor;
  v_currencies := v_product.currencies;
  v_limits := v_product.limits;
  v_free := v_product.free;
  v_used := array_fill(0, array[cardinality(v_ids)]);
  v_products := array(select array_position(v_ids, id) from unnest(p_line_product_ids) with ordinality as line (id, n) order by n);
  select * into v_customer from _number_customers(p_customer_ids, p_line_owners, p_line_product_ids, p_now);
  v_pairs := v_customer.pairs;
  v_taken := v_customer.taken;
  if (select bool_and(wanted <= free) from unnest(v_product.wanted, v_free) as product (wanted, free)) then
    select * into v_all from _amounts_of_all(
      cardinality(p_customer_ids), p_line_owners, v_products, p_line_units, v_customer.customers, v_taken,
      v_customer.open_checkouts, v_open_max, v_prices, v_currencies, v_product.amounts_minor_min,
      v_product.amounts_minor_max, v_limits);
    amounts_minor := v_all.amounts_minor;
    currencies := v_all.currencies;
  end if;
  if amounts_minor is not null then
    v_used := v_product.wanted;
    v_from := cardinality(p_line_owners) + 1;
  else
    amounts_minor := array_fill(null::bigint, array[cardinality(p_customer_ids)]);
    currencies := array_fill(null::text, array[cardinality(p_customer_ids)]);
  end if;
  failure_codes := array_fill(null::text, array[cardinality(p_customer_ids)]);
  failure_details := array_fill(null::jsonb, array[cardinality(p_customer_ids)]);

  while v_from <= cardinality(p_line_owners) loop
    v_to := v_from;
    v_amount := 0;
    loop
      v_amount := v_amount + v_prices[v_products[v_to]] * p_line_units[v_to];
      if v_currencies[v_products[v_to]] <> v_currencies[v_products[v_from]] then
        v_amount := null;
      end if;
      exit when p_line_owners[v_to + 1] is distinct from p_line_owners[v_from];
      v_to := v_to + 1;
    end loop;
    if v_amount between v_product.amounts_minor_min[v_products[v_from]]
      and v_product.amounts_minor_max[v_products[v_from]]
    then
      v_code := null;
      v_customer_number := v_customer.customers[v_from];
      v_open := coalesce(v_customer.open_checkouts[v_from] + v_opened[v_customer_number], 0);
      if v_open >= v_open_max then
        v_code := 'too_many_open_checkouts';
      end if;
      v_at := v_from;
      while v_code is null and v_at <= v_to loop
        if p_line_units[v_at] + v_taken[v_at] + coalesce(v_given[v_pairs[v_at]], 0) > v_limits[v_products[v_at]] then
          v_code := 'purchase_limit_reached';
        else
          v_at := v_at + 1;
        end if;
      end loop;
      if v_code is null then
        v_at := v_from;
      end if;
      while v_code is null and v_at <= v_to loop
        if p_line_units[v_at] > v_free[v_products[v_at]] then
          v_code := 'insufficient_inventory';
        else
          v_at := v_at + 1;
        end if;
      end loop;
      if v_code is null then
        for i in v_from .. v_to loop
          v_free[v_products[i]] := v_free[v_products[i]] - p_line_units[i];
          v_used[v_products[i]] := v_used[v_products[i]] + p_line_units[i];
          if v_pairs[i] is not null then
            v_given[v_pairs[i]] := v_given[v_pairs[i]] + p_line_units[i];
          end if;
        end loop;
        if v_customer_number is not null then
          v_opened[v_customer_number] := v_opened[v_customer_number] + 1;
        end if;
        amounts_minor[p_line_owners[v_from]] := v_amount;
        currencies[p_line_owners[v_from]] := v_currencies[v_products[v_from]];
      else
        failure_codes[p_line_owners[v_from]] := v_code;
        failure_details[p_line_owners[v_from]] := case v_code
          when 'too_many_open_checkouts' then jsonb_build_object(
            'open_checkouts', v_open, 'open_checkouts_max', v_open_max)
          when 'purchase_limit_reached' then jsonb_build_object(
            'drop_product_id', p_line_product_ids[v_at], 'product_name', v_product.names[v_products[v_at]],
            'requested', p_line_units[v_at], 'max_per_customer', v_limits[v_products[v_at]],
            'already', v_taken[v_at] + coalesce(v_given[v_pairs[v_at]], 0))
          else jsonb_build_object(
            'drop_product_id', p_line_product_ids[v_at], 'product_name', v_product.names[v_products[v_at]],
            'requested', p_line_units[v_at], 'available', v_free[v_products[v_at]])
        end;
      end if;
    end if;
    v_from := v_to + 1;
  end loop;

  update drop_products p set available_inventory = p.available_inventory - used.units
  from unnest(v_ids, v_used) as used (id, units)
  where p.id = used.id and used.units > 0;
end
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

-- The rows of a decided batch: opened where there is an amount, refused where there is a reason, nothing where neither is. Each opened
-- one's reservations, ascending by product.
create function _write_batch(
  p_checkout_ids uuid[], p_request_fingerprints text[], p_customer_ids text[], p_window_seconds integer[],
  p_reclaim_grace_seconds integer[], p_payment_attempts_max integer[], p_amounts_minor bigint[], p_currencies text[],
  p_failure_codes text[], p_failure_details jsonb[], p_line_owners integer[], p_line_product_ids uuid[],
  p_line_units integer[], p_now timestamptz
) returns table (checkout_id uuid, reservation_ids uuid[])
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

  return query
    with held as (
      insert into inventory_reservations
        (drop_product_id, quantity, payment_intent_id, expires_at, created_at, checkout_id, reclaim_after)
      select
        line.product_id, line.units, 'checkout:' || p_checkout_ids[line.owner],
        p_now + make_interval(secs => p_window_seconds[line.owner]), p_now, p_checkout_ids[line.owner],
        p_now + make_interval(secs => p_window_seconds[line.owner] + p_reclaim_grace_seconds[line.owner])
      from unnest(p_line_owners, p_line_product_ids, p_line_units) as line (owner, product_id, units)
      where p_amounts_minor[line.owner] is not null
      returning id, inventory_reservations.checkout_id, drop_product_id
    )
    select held.checkout_id, array_agg(id order by drop_product_id) from held group by held.checkout_id;
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
    perform _lock_batch_products(p_customer_ids, v_ids, clock_timestamp());
    -- Read after every lock: a buyer who waited for one still gets the whole window.
    v_now := clock_timestamp();
    select d.amounts_minor, d.currencies, d.failure_codes, d.failure_details
    into v_amounts, v_currencies, v_codes, v_details
    from _decide_batch(p_customer_ids, v_owners, v_ids, v_units, v_now) d;
  end if;
  -- From what is being written, instead of reading it back.
  return query
    select
      m.position::integer,
      case when m.amount_minor is not null then 'opened' when m.failure_code is not null then 'closed' else 'single' end,
      case when m.amount_minor is not null then 'opening' when m.failure_code is not null then 'refused' end,
      m.failure_code, null::uuid, m.amount_minor, m.currency, null::text, floor(extract(epoch from v_now))::bigint,
      case when m.amount_minor is not null then w.reservation_ids else '{}' end
    from unnest(p_checkout_ids, v_amounts, v_currencies, v_codes) with ordinality
      as m (id, amount_minor, currency, failure_code, position)
    left join _write_batch(
      p_checkout_ids, p_request_fingerprints, p_customer_ids, p_window_seconds, p_reclaim_grace_seconds,
      p_payment_attempts_max, v_amounts, v_currencies, v_codes, v_details, v_owners, v_ids, v_units, v_now
    ) w on w.checkout_id = m.id
    where m.id <> all (v_known);
end
$$;

revoke execute on all functions in schema public from public;
