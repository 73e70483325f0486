-- How a bound checkout ends: confirm (with re-claim, or a decision to refund when the units are gone), or release.

-- Whether every unit of a bound checkout stands behind it. Units the database took back meanwhile are taken again if they are
-- free: all of them or none. The customer's limit applies, opening hours do not: the money is in. Own rows are locked.
create function _reclaim_lost_lines(p_checkout checkouts) returns boolean
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_ids uuid[];
  v_quantities integer[];
begin
  select
    array_agg(l.drop_product_id order by l.drop_product_id), array_agg(l.quantity order by l.drop_product_id)
  into v_ids, v_quantities
  from checkout_lines l
  where l.checkout_id = p_checkout.id
    and not exists (
      select 1 from inventory_reservations r
      where r.checkout_id = l.checkout_id and r.drop_product_id = l.drop_product_id and r.status = 'held');
  if v_ids is null then
    return true;
  end if;
  if p_checkout.customer_id is not null then
    perform _lock_customer(p_checkout.customer_id, v_ids);
  end if;
  -- All products of the checkout, lost or not: if this fails, those still held are given back as well.
  perform _lock_products(array(select drop_product_id from checkout_lines where checkout_id = p_checkout.id));
  if _line_over_limit(p_checkout.customer_id, v_ids, v_quantities, clock_timestamp()) is not null
    or _take_units(v_ids, v_quantities) > 0 then
    return false;
  end if;
  -- A reservation that was purged meanwhile has no row to revive.
  insert into inventory_reservations
    (drop_product_id, quantity, payment_intent_id, expires_at, checkout_id, reclaim_after)
  select l.drop_product_id, l.quantity, p_checkout.payment_intent_id, p_checkout.expires_at, p_checkout.id,
    p_checkout.expires_at
  from checkout_lines l
  where l.checkout_id = p_checkout.id and not exists (
    select 1 from inventory_reservations r
    where r.checkout_id = l.checkout_id and r.drop_product_id = l.drop_product_id);
  return true;
end
$$;

create function _create_order(p_checkout checkouts) returns void
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_order_id uuid;
begin
  insert into orders (checkout_id, customer_id, payment_intent_id, amount_minor, currency)
  values (
    p_checkout.id, p_checkout.customer_id, p_checkout.payment_intent_id, p_checkout.amount_minor, p_checkout.currency)
  returning id into v_order_id;
  insert into order_items (order_id, drop_product_id, product_name, unit_price_minor, quantity)
  select v_order_id, drop_product_id, product_name, unit_price_minor, quantity
  from checkout_lines where checkout_id = p_checkout.id;
end
$$;

-- Locks a bound checkout. Unbound ones have no money to confirm and are closed by close_unbound_checkout.
create function _begin_settlement(p_checkout_id uuid) returns checkouts
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_checkout checkouts%rowtype;
begin
  perform _begin_checkout(p_checkout_id);
  v_checkout := _get_checkout(p_checkout_id);
  if v_checkout.status = 'opening' then
    raise exception using
      errcode = 'HF007', message = 'this checkout has no PaymentIntent bound', detail = v_checkout.status;
  end if;
  return v_checkout;
end
$$;

create function _settlement_answer(p_checkout_id uuid, out status text, out failure_code text, out order_id uuid)
language sql volatile
set search_path = pg_catalog, public, pg_temp
as $$
  select c.status, c.failure_code, (select o.id from orders o where o.checkout_id = c.id)
  from checkouts c where c.id = p_checkout_id;
$$;

create function confirm_checkout(
  p_checkout_id uuid, p_payment_intent_id text, p_event_ids text[],
  out status text, out failure_code text, out order_id uuid
)
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_checkout checkouts%rowtype;
begin
  v_checkout := _begin_settlement(p_checkout_id);
  if v_checkout.status = 'refused' then
    raise exception using
      errcode = 'HF007', message = 'this checkout has no PaymentIntent bound', detail = v_checkout.status;
  end if;
  if v_checkout.payment_intent_id is distinct from p_payment_intent_id then
    raise exception using
      errcode = 'HF008', message = 'this checkout is bound to another PaymentIntent',
      detail = v_checkout.payment_intent_id;
  end if;
  if v_checkout.status in ('confirmed', 'refund_pending', 'refunded') then
    perform _judge_events(p_checkout_id, p_event_ids, 'no_effect');
  elsif _reclaim_lost_lines(v_checkout) then
    update inventory_reservations r set status = 'confirmed' where r.checkout_id = p_checkout_id;
    perform _create_order(v_checkout);
    update checkouts c set status = 'confirmed', failure_code = null where c.id = p_checkout_id;
    perform _judge_events(p_checkout_id, p_event_ids, 'confirmed');
  else
    perform _release_own_holds(p_checkout_id, 'released');
    insert into refunds (request_key, checkout_id, payment_intent_id, amount_minor, currency)
    values (
      'late:' || p_checkout_id, p_checkout_id, v_checkout.payment_intent_id, v_checkout.amount_minor,
      v_checkout.currency);
    update checkouts c
    set status = 'refund_pending', failure_code = 'sold_out_after_payment'
    where c.id = p_checkout_id;
    perform _judge_events(p_checkout_id, p_event_ids, 'refund_pending');
  end if;
  select a.status, a.failure_code, a.order_id into status, failure_code, order_id
  from _settlement_answer(p_checkout_id) a;
end
$$;
comment on function confirm_checkout(uuid, text, text[]) is
  'The money is in: confirms the units and writes the order, or decides on one refund when they are gone. Repeating it '
  'changes nothing. HF006: no such checkout, HF007: never bound, HF008: another PaymentIntent.';

create function release_checkout(
  p_checkout_id uuid, p_status text, p_failure_code text, p_event_ids text[],
  out status text, out failure_code text, out order_id uuid
)
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_checkout checkouts%rowtype;
begin
  if p_status not in ('expired', 'canceled', 'payment_failed') then
    raise exception using errcode = '22023', message = format('a checkout is not released as %s', p_status);
  end if;
  v_checkout := _begin_settlement(p_checkout_id);
  if checkout_is_open(v_checkout.status) then
    perform _release_own_holds(p_checkout_id, case p_status when 'expired' then 'expired' else 'released' end);
    update checkouts c set status = p_status, failure_code = p_failure_code where c.id = p_checkout_id;
    perform _judge_events(p_checkout_id, p_event_ids, 'released');
  else
    perform _judge_events(p_checkout_id, p_event_ids, 'no_effect');
  end if;
  select a.status, a.failure_code, a.order_id into status, failure_code, order_id
  from _settlement_answer(p_checkout_id) a;
end
$$;
comment on function release_checkout(uuid, text, text, text[]) is
  'Closes a bound checkout whose payment has ended without money and gives its units back. A closed one is left as it is. '
  'HF006: no such checkout, HF007: never bound (see close_unbound_checkout).';
