-- Who of a batch gets units: the members one after the other, as if each had come alone, over arrays in memory. A large order
-- that is short does not stand in the way of a small one behind it. Only the sums reach the tables.

-- Free units of these products, at the positions of the array, after taking back dead holds where more is wanted than is free.
-- The products are locked by the caller.
create function _free_units(p_product_ids uuid[], p_wanted bigint[], p_now timestamptz) returns integer[]
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_product_id uuid;
  v_short bigint;
  v_back integer;
begin
  for v_product_id, v_short in
    select p.id, want.units - p.available_inventory
    from unnest(p_product_ids, p_wanted) as want (id, units)
    join drop_products p on p.id = want.id
    where want.units > p.available_inventory
    order by p.id
  loop
    -- 25 rounds of 200 dead holds: as many as one cleanup takes.
    for v_round in 1 .. 25 loop
      v_back := _reclaim_dead_holds(v_product_id, p_now);
      v_short := v_short - v_back;
      exit when v_back = 0 or v_short <= 0;
    end loop;
  end loop;
  return array(
    select p.available_inventory
    from unnest(p_product_ids) with ordinality as wanted (id, position)
    join drop_products p on p.id = wanted.id
    order by wanted.position);
end
$$;

-- The lines in the order they are decided, each with small numbers instead of ids: of its product, of its customer, and of
-- that customer with that product; and what the customer has of it already, in the table. Customers are locked by the caller.
create function _number_lines(
  p_customer_ids text[], p_line_owners integer[], p_line_product_ids uuid[], p_line_units integer[], p_now timestamptz,
  out owners integer[], out units integer[], out products integer[], out customers integer[], out pairs integer[],
  out taken integer[], out open_checkouts integer[]
)
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_customer_ids text[] := array(select distinct id from unnest(p_customer_ids) as id where id is not null);
begin
  with line as (
    select l.owner, l.product_id, l.units, m.customer_id
    from unnest(p_line_owners, p_line_product_ids, p_line_units) as l (owner, product_id, units)
    join unnest(p_customer_ids) with ordinality as m (customer_id, position) on m.position = l.owner
  ), numbered as (
    select
      line.*,
      dense_rank() over (order by line.product_id)::integer as product,
      case when customer_id is not null then dense_rank() over (order by customer_id)::integer end as customer,
      case when customer_id is not null then dense_rank() over (order by customer_id, product_id)::integer end as pair
    from line
  )
  select
    array_agg(n.owner order by n.owner, n.product), array_agg(n.units order by n.owner, n.product),
    array_agg(n.product order by n.owner, n.product), array_agg(n.customer order by n.owner, n.product),
    array_agg(n.pair order by n.owner, n.product), array_agg(coalesce(t.units, 0) order by n.owner, n.product),
    array_agg(coalesce(o.open_checkouts, 0) order by n.owner, n.product)
  into owners, units, products, customers, pairs, taken, open_checkouts
  from numbered n
  join drop_products p on p.id = n.product_id
  left join _count_units(v_customer_ids) t
    on t.customer_id = n.customer_id and t.drop_product_id = n.product_id and p.max_per_customer is not null
  left join _count_open_checkouts(v_customer_ids, p_now) o on o.customer_id = n.customer_id;
end
$$;

-- Decides for every member that has lines here, and takes the units of those who get them: one update per product. The answer
-- is, at each member's position, why it was refused; null for those who got their units. Products and customers are locked.
create function _claim_batch(
  p_customer_ids text[], p_line_owners integer[], p_line_product_ids uuid[], p_line_units integer[], p_now timestamptz,
  out failure_codes text[], out failure_details jsonb[]
)
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_open_max integer := (select open_checkouts_per_customer_max from inventory_settings);
  -- By product.
  v_ids uuid[];
  v_names text[];
  v_limits integer[];
  v_wanted bigint[];
  v_free integer[];
  v_used integer[];
  -- By line.
  v_owners integer[];
  v_units integer[];
  v_products integer[];
  v_customers integer[];
  v_pairs integer[];
  v_taken integer[];
  v_open integer[];
  -- What this batch has given so far: units by pair, checkouts by customer.
  v_given integer[];
  v_opened integer[];
  v_from integer := 1;
  v_to integer;
  v_at integer;
  v_code text;
begin
  select
    array_agg(p.id order by p.id), array_agg(p.name order by p.id), array_agg(p.max_per_customer order by p.id),
    array_agg(want.units order by p.id), array_agg(0 order by p.id)
  into v_ids, v_names, v_limits, v_wanted, v_used
  from (
    select id, sum(units) as units from unnest(p_line_product_ids, p_line_units) as line (id, units) group by id
  ) as want
  join drop_products p on p.id = want.id;
  v_free := _free_units(v_ids, v_wanted, p_now);
  select n.owners, n.units, n.products, n.customers, n.pairs, n.taken, n.open_checkouts
  into v_owners, v_units, v_products, v_customers, v_pairs, v_taken, v_open
  from _number_lines(p_customer_ids, p_line_owners, p_line_product_ids, p_line_units, p_now) n;
  v_given := array_fill(0, array[cardinality(v_owners)]);
  v_opened := v_given;
  failure_codes := array_fill(null::text, array[cardinality(p_customer_ids)]);
  failure_details := array_fill(null::jsonb, array[cardinality(p_customer_ids)]);

  while v_from <= cardinality(v_owners) loop
    v_to := v_from;
    while v_owners[v_to + 1] = v_owners[v_from] loop
      v_to := v_to + 1;
    end loop;
    v_code := case
      when v_open[v_from] + v_opened[v_customers[v_from]] >= v_open_max then 'too_many_open_checkouts' end;
    v_at := v_from;
    while v_code is null and v_at <= v_to loop
      if v_units[v_at] + v_taken[v_at] + coalesce(v_given[v_pairs[v_at]], 0) > v_limits[v_products[v_at]] then
        v_code := 'purchase_limit_reached';
      else
        v_at := v_at + 1;
      end if;
    end loop;
    if v_code is null then
      v_at := v_from;
    end if;
    while v_code is null and v_at <= v_to loop
      if v_units[v_at] > v_free[v_products[v_at]] then
        v_code := 'insufficient_inventory';
      else
        v_at := v_at + 1;
      end if;
    end loop;
    if v_code is null then
      for i in v_from .. v_to loop
        v_free[v_products[i]] := v_free[v_products[i]] - v_units[i];
        v_used[v_products[i]] := v_used[v_products[i]] + v_units[i];
        if v_pairs[i] is not null then
          v_given[v_pairs[i]] := v_given[v_pairs[i]] + v_units[i];
        end if;
      end loop;
      if v_customers[v_from] is not null then
        v_opened[v_customers[v_from]] := v_opened[v_customers[v_from]] + 1;
      end if;
    else
      failure_codes[v_owners[v_from]] := v_code;
      failure_details[v_owners[v_from]] := case v_code
        when 'too_many_open_checkouts' then jsonb_build_object(
          'open_checkouts', v_open[v_from] + v_opened[v_customers[v_from]], 'open_checkouts_max', v_open_max)
        when 'purchase_limit_reached' then jsonb_build_object(
          'drop_product_id', v_ids[v_products[v_at]], 'product_name', v_names[v_products[v_at]],
          'requested', v_units[v_at], 'max_per_customer', v_limits[v_products[v_at]],
          'already', v_taken[v_at] + coalesce(v_given[v_pairs[v_at]], 0))
        else jsonb_build_object(
          'drop_product_id', v_ids[v_products[v_at]], 'product_name', v_names[v_products[v_at]],
          'requested', v_units[v_at], 'available', v_free[v_products[v_at]])
      end;
    end if;
    v_from := v_to + 1;
  end loop;

  update drop_products p set available_inventory = p.available_inventory - used.units
  from unnest(v_ids, v_used) as used (id, units)
  where p.id = used.id and used.units > 0;
end
$$;

revoke execute on all functions in schema public from public;
