-- Who of a batch gets units, in fewer passes over its members: what is the same for all orders of a product is read once per
-- product, and the price is added up where the units are counted. Same decisions and reasons as before.

drop function _claim_batch;
drop function _decide_batch;
drop function _number_lines;
drop function _quote_batch;

-- What a batch must know of each product, at positions ascending by id. A price is null while the product cannot be sold:
-- _quote_lines knows why. Dead holds are taken back where more is wanted than is free. The products are locked by the caller.
create function _batch_products(
  p_line_product_ids uuid[], p_line_units integer[], p_now timestamptz,
  out ids uuid[], out names text[], out prices_minor bigint[], out currencies text[], out amounts_minor_min bigint[],
  out amounts_minor_max bigint[], out limits integer[], out free integer[]
)
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_wanted bigint[];
begin
  select
    array_agg(p.id order by p.id), array_agg(p.name order by p.id),
    array_agg(
      case when d.opens_at <= p_now and p_now < coalesce(d.closes_at, 'infinity') then p.unit_price_minor end
      order by p.id),
    array_agg(d.currency order by p.id), array_agg(c.amount_minor_min order by p.id),
    array_agg(c.amount_minor_max order by p.id), array_agg(p.max_per_customer order by p.id),
    array_agg(want.units order by p.id)
  into ids, names, prices_minor, currencies, amounts_minor_min, amounts_minor_max, limits, v_wanted
  from (
    select id, sum(units) as units from unnest(p_line_product_ids, p_line_units) as line (id, units) group by id
  ) as want
  join drop_products p on p.id = want.id
  join drops d on d.id = p.drop_id
  join currencies c on c.code = d.currency;
  free := _free_units(ids, v_wanted, p_now);
end
$$;

-- What limits need to know of each line: small numbers instead of ids for its customer and for that customer with that product,
-- what the customer has of it in the table, and how many checkouts stand open. Customers are locked by the caller.
create function _number_customers(
  p_customer_ids text[], p_line_owners integer[], p_line_product_ids uuid[], p_now timestamptz,
  out customers integer[], out pairs integer[], out taken integer[], out open_checkouts integer[]
)
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_customer_ids text[] := array(select distinct id from unnest(p_customer_ids) as id where id is not null);
begin
  if v_customer_ids = '{}' then
    customers := array_fill(null::integer, array[cardinality(p_line_owners)]);
    pairs := customers;
    taken := array_fill(0, array[cardinality(p_line_owners)]);
    open_checkouts := taken;
    return;
  end if;
  with line as (
    select l.position, l.product_id, m.customer_id
    from unnest(p_line_owners, p_line_product_ids) with ordinality as l (owner, product_id, position)
    join unnest(p_customer_ids) with ordinality as m (customer_id, position) on m.position = l.owner
  ), numbered as (
    select
      line.*,
      case when customer_id is not null then dense_rank() over (order by customer_id)::integer end as customer,
      case when customer_id is not null then dense_rank() over (order by customer_id, product_id)::integer end as pair
    from line
  )
  select
    array_agg(n.customer order by n.position), array_agg(n.pair order by n.position),
    array_agg(coalesce(t.units, 0) order by n.position), array_agg(coalesce(o.open_checkouts, 0) order by n.position)
  into customers, pairs, taken, open_checkouts
  from numbered n
  left join drop_products p on p.id = n.product_id
  left join _count_units(v_customer_ids) t
    on t.customer_id = n.customer_id and t.drop_product_id = n.product_id and p.max_per_customer is not null
  left join _count_open_checkouts(v_customer_ids, p_now) o on o.customer_id = n.customer_id;
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
  amounts_minor := array_fill(null::bigint, array[cardinality(p_customer_ids)]);
  currencies := array_fill(null::text, array[cardinality(p_customer_ids)]);
  failure_codes := currencies;
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
  for v_owner, v_code, v_detail in
    select q.owner, q.failure_code, q.failure_detail
    from _refusals(amounts_minor, failure_codes, p_line_owners, p_line_product_ids, p_line_units, p_now) q
  loop
    failure_codes[v_owner] := v_code;
    failure_details[v_owner] := v_detail;
  end loop;
end
$$;

-- Why the members that have neither a price nor a reason yet cannot have a price. Most batches have none of them.
drop function _refusals;
create function _refusals(
  p_amounts_minor bigint[], p_failure_codes text[], p_line_owners integer[], p_line_product_ids uuid[],
  p_line_units integer[], p_now timestamptz
) returns table (owner integer, failure_code text, failure_detail jsonb)
language sql stable
set search_path = pg_catalog, public, pg_temp
as $$
  select unpriced.owner, q.failure_code, q.failure_detail
  from (
    select l.owner, array_agg(l.id order by l.id) as ids, array_agg(l.units order by l.id) as units
    from unnest(p_line_owners, p_line_product_ids, p_line_units) as l (owner, id, units)
    where p_amounts_minor[l.owner] is null and p_failure_codes[l.owner] is null
    group by l.owner
  ) as unpriced
  cross join lateral _quote_lines(unpriced.ids, unpriced.units, p_now) as q
  where q.failure_code is not null;
$$;

revoke execute on all functions in schema public from public;
