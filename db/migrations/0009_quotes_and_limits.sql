-- Whether an order may be taken at all: prices, opening hours, amounts, and the limit per customer.

-- The first line, in product order, whose drop is not open at the given instant; null when all are.
create function _line_not_open(p_product_ids uuid[], p_now timestamptz) returns jsonb
language sql stable
set search_path = pg_catalog, public, pg_temp
as $$
  select jsonb_build_object(
    'drop_product_id', p.id, 'product_name', p.name, 'opens_at', d.opens_at, 'closes_at', d.closes_at)
  from drop_products p
  join drops d on d.id = p.drop_id
  where p.id = any (p_product_ids) and not (d.opens_at <= p_now and p_now < coalesce(d.closes_at, 'infinity'))
  order by p.id
  limit 1;
$$;

-- What the lines cost, or why they cannot be sold whatever the stock. Locks nothing: prices are frozen as read here.
create function _quote_lines(
  p_product_ids uuid[], p_quantities integer[], p_now timestamptz,
  out failure_code text, out failure_detail jsonb, out amount_minor bigint, out currency text
)
language plpgsql stable
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_unknown uuid;
  v_currencies text[];
  v_limits currencies%rowtype;
begin
  select
    (array_agg(line.id order by line.id) filter (where p.id is null))[1],
    array_agg(distinct d.currency),
    sum(p.unit_price_minor * line.units)
  into v_unknown, v_currencies, amount_minor
  from unnest(p_product_ids, p_quantities) as line (id, units)
  left join drop_products p on p.id = line.id
  left join drops d on d.id = p.drop_id;

  if v_unknown is not null then
    failure_code := 'unknown_product';
    failure_detail := jsonb_build_object('drop_product_id', v_unknown);
    return;
  end if;
  if cardinality(v_currencies) > 1 then
    failure_code := 'mixed_currency';
    failure_detail := jsonb_build_object('currencies', to_jsonb(v_currencies));
    return;
  end if;
  currency := v_currencies[1];
  failure_detail := _line_not_open(p_product_ids, p_now);
  if failure_detail is not null then
    failure_code := 'drop_not_open';
    return;
  end if;
  select * into v_limits from currencies where code = currency;
  if amount_minor < v_limits.amount_minor_min then
    failure_code := 'amount_too_small';
  elsif amount_minor > v_limits.amount_minor_max then
    failure_code := 'amount_too_large';
  end if;
  if failure_code is not null then
    failure_detail := jsonb_build_object(
      'amount_minor', amount_minor, 'currency', currency,
      'amount_minor_min', v_limits.amount_minor_min, 'amount_minor_max', v_limits.amount_minor_max);
  end if;
end
$$;

-- Serialises one customer's checkouts per limited product. Taken after the checkout's lock and own rows, before any product;
-- several keys in the order of their numbers.
create function _lock_customer(p_customer_id text, p_product_ids uuid[]) returns void
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_key bigint;
begin
  for v_key in
    select hashtextextended(p_customer_id || chr(31) || id::text, 3) as key
    from drop_products
    where id = any (p_product_ids) and max_per_customer is not null
    order by key
  loop
    perform pg_advisory_xact_lock(v_key);
  end loop;
end
$$;

-- The first line that would take this customer over a product's limit, with the numbers; null when none does. Call it with the
-- customer locked. The customer's own dead holds are taken back first: an abandoned checkout must not use up the limit.
-- Without a customer the limit holds for this one order.
create function _line_over_limit(
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
      select sum(r.quantity) as units
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

-- Everything that can stand between an order and its units, in the order a buyer understands. On success the units are taken.
-- The lines are quoted twice: before any stock is touched, and again once the products are locked. Only the second counts:
-- while a lock was awaited the drop may have closed or a price may have changed.
create function _take_for_checkout(
  p_customer_id text, p_product_ids uuid[], p_quantities integer[],
  out failure_code text, out failure_detail jsonb, out amount_minor bigint, out currency text
)
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_quote record;
  v_short integer;
begin
  if p_customer_id is not null then
    perform _lock_customer(p_customer_id, p_product_ids);
  end if;
  select * into v_quote from _quote_lines(p_product_ids, p_quantities, clock_timestamp());
  if v_quote.failure_code is null then
    failure_detail := _line_over_limit(p_customer_id, p_product_ids, p_quantities, clock_timestamp());
    if failure_detail is not null then
      failure_code := 'purchase_limit_reached';
      return;
    end if;
    v_short := _take_units(p_product_ids, p_quantities);
    if v_short > 0 then
      failure_code := 'insufficient_inventory';
      select jsonb_build_object(
        'drop_product_id', id, 'product_name', name, 'requested', p_quantities[v_short],
        'available', available_inventory)
      into failure_detail
      from drop_products where id = p_product_ids[v_short];
      return;
    end if;
    select * into v_quote from _quote_lines(p_product_ids, p_quantities, clock_timestamp());
    if v_quote.failure_code is not null then
      perform _put_back(p_product_ids, p_quantities, cardinality(p_product_ids));
    end if;
  end if;
  failure_code := v_quote.failure_code;
  failure_detail := v_quote.failure_detail;
  amount_minor := v_quote.amount_minor;
  currency := v_quote.currency;
end
$$;
