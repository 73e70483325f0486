-- Every refund is decided here, before Stripe is asked, and follows what Stripe says of it. Called by settlement.

drop function record_refund(text, text, text);

-- Units come back once, when the money is back, and only those that were named. The caller holds the checkout's lock and its
-- reservation rows.
create function _return_units(p_request_key text, p_checkout_id uuid) returns void
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_ids uuid[];
  v_quantities integer[];
begin
  with due as (
    update refund_lines set returned_at = clock_timestamp()
    where request_key = p_request_key and returned_at is null
    returning drop_product_id, quantity
  )
  select array_agg(drop_product_id order by drop_product_id), array_agg(quantity order by drop_product_id)
  into v_ids, v_quantities
  from due;
  if v_ids is null then
    return;
  end if;
  update inventory_reservations r
  set returned_quantity = r.returned_quantity + line.units
  from unnest(v_ids, v_quantities) as line (id, units)
  where r.checkout_id = p_checkout_id and r.drop_product_id = line.id and r.status = 'confirmed';
  perform _put_back(v_ids, v_quantities, cardinality(v_ids));
end
$$;

-- One refund's state, and all that follows from it. Stripe may say that a refund failed after it succeeded, never that it is
-- pending again; failed is the end, and a person's.
create function _set_refund(p_request_key text, p_stripe_refund_id text, p_state text, p_failure_reason text) returns void
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_refund refunds%rowtype;
begin
  select * into v_refund from refunds where request_key = p_request_key;
  if v_refund.state = 'failed' or (p_state = 'pending' and v_refund.stripe_refund_id is not null) then
    return;
  end if;
  update refunds
  set
    stripe_refund_id = coalesce(p_stripe_refund_id, stripe_refund_id),
    state = p_state,
    failure_reason = case p_state when 'failed' then p_failure_reason end,
    updated_at = clock_timestamp()
  where request_key = p_request_key
  returning * into v_refund;
  if v_refund.state = 'succeeded' then
    perform _return_units(p_request_key, v_refund.checkout_id);
  elsif v_refund.state = 'failed' then
    insert into incidents (checkout_id, kind, detail)
    values (v_refund.checkout_id, 'refund_failed', jsonb_build_object(
      'request_key', p_request_key, 'refund_id', v_refund.stripe_refund_id, 'amount_minor', v_refund.amount_minor,
      'reason', p_failure_reason))
    on conflict (checkout_id, kind) where resolved_at is null do nothing;
  end if;
  perform _follow_refunds(v_refund.checkout_id);
end
$$;

-- Order and checkout say what the refunds that came through add up to.
create function _follow_refunds(p_checkout_id uuid) returns void
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_given_back numeric;
begin
  select coalesce(sum(amount_minor), 0) into v_given_back
  from refunds where checkout_id = p_checkout_id and state = 'succeeded';
  update orders set status = _order_status(amount_minor, v_given_back)
  where checkout_id = p_checkout_id and status <> _order_status(amount_minor, v_given_back);
  update checkouts set status = 'refunded'
  where id = p_checkout_id and status = 'refund_pending' and amount_minor <= v_given_back;
end
$$;

-- What the lines of a request come to; '"all"' is every unit that is still out.
create function _lines_to_return(
  p_checkout_id uuid, p_returned_lines jsonb, out product_ids uuid[], out quantities integer[], out is_possible boolean
)
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
begin
  is_possible := true;
  if p_returned_lines = '[]' then
    return;
  end if;
  if p_returned_lines = '"all"' then
    select array_agg(id order by id), array_agg(units order by id) into product_ids, quantities
    from _units_out(p_checkout_id) as out_there (id, units) where units > 0;
    return;
  end if;
  select parsed.product_ids, parsed.quantities into product_ids, quantities from _parse_lines(p_returned_lines) as parsed;
  is_possible := not exists (
    select 1 from unnest(product_ids, quantities) as line (id, units)
    where line.units > coalesce((select o.units from _units_out(p_checkout_id) as o (id, units) where o.id = line.id), 0));
end
$$;

-- Units of an order that are with the buyer and not on their way back.
create function _units_out(p_checkout_id uuid, out drop_product_id uuid, out units integer) returns setof record
language sql volatile
set search_path = pg_catalog, public, pg_temp
as $$
  select r.drop_product_id, (r.quantity - r.returned_quantity - coalesce((
    select sum(l.quantity) from refund_lines l join refunds f using (request_key)
    where f.checkout_id = p_checkout_id and f.state = 'pending' and l.drop_product_id = r.drop_product_id
      and l.returned_at is null), 0))::integer
  from inventory_reservations r
  where r.checkout_id = p_checkout_id and r.status = 'confirmed';
$$;

create function request_refund(
  p_request_key text, p_checkout_id uuid, p_amount_minor bigint, p_returned_lines jsonb, p_requested_by text,
  p_reason text, out outcome text, out amount_minor bigint
)
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_checkout checkouts%rowtype;
  v_known refunds%rowtype;
  v_left bigint;
  v_lines record;
begin
  perform _begin_checkout(p_checkout_id);
  v_checkout := _get_checkout(p_checkout_id);
  select * into v_known from refunds where request_key = p_request_key;
  if found then
    amount_minor := v_known.amount_minor;
    outcome := case
      when v_known.checkout_id <> p_checkout_id or v_known.amount_minor <> coalesce(p_amount_minor, v_known.amount_minor)
        then 'key_reused'
      else 'decided'
    end;
    return;
  end if;
  select v_checkout.amount_minor - coalesce(sum(f.amount_minor), 0) into v_left
  from refunds f where f.checkout_id = p_checkout_id and f.state <> 'failed';
  amount_minor := coalesce(p_amount_minor, v_left);
  select * into v_lines from _lines_to_return(p_checkout_id, p_returned_lines);
  outcome := case
    when v_checkout.status not in ('confirmed', 'refund_pending') then 'not_paid'
    when exists (select 1 from orders o where o.checkout_id = p_checkout_id and o.disputed_at is not null)
      then 'disputed'
    when v_left <= 0 then 'nothing_left'
    when amount_minor not between 1 and v_left then 'amount_too_large'
    when not v_lines.is_possible then 'units_not_sold'
    else 'decided'
  end;
  if outcome <> 'decided' then
    return;
  end if;
  insert into refunds
    (request_key, checkout_id, payment_intent_id, amount_minor, currency, origin, requested_by, reason)
  values (
    p_request_key, p_checkout_id, v_checkout.payment_intent_id, amount_minor, v_checkout.currency, 'operator',
    p_requested_by, p_reason);
  insert into refund_lines (request_key, drop_product_id, quantity)
  select p_request_key, line.id, line.units from unnest(v_lines.product_ids, v_lines.quantities) as line (id, units);
end
$$;
comment on function request_refund(text, uuid, bigint, jsonb, text, text) is
  'An operator''s decision: how much (null: all that is left), which units come back ([], lines, or "all"), who and why. '
  'A known key answers as before. Nothing is written unless decided. HF006: no such checkout.';

create function record_refund(
  p_request_key text, p_stripe_refund_id text, p_state text, p_failure_reason text, out state text, out status text
)
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_checkout_id uuid;
begin
  perform _require_read_committed();
  select checkout_id into v_checkout_id from refunds where request_key = p_request_key;
  if not found then
    raise exception using errcode = 'HF006', message = 'no such refund', detail = p_request_key;
  end if;
  perform _begin_checkout(v_checkout_id);
  perform _set_refund(p_request_key, p_stripe_refund_id, p_state, p_failure_reason);
  select r.state, c.status into state, status
  from refunds r join checkouts c on c.id = r.checkout_id where r.request_key = p_request_key;
end
$$;
comment on function record_refund(text, text, text, text) is
  'What Stripe says of a refund. Succeeded moves order, checkout and named units along; failed opens an incident.';

-- Everything Stripe knows of a payment's refunds and disputes, written in one transaction with the events that told of it. A
-- refund that nobody here decided was made by a person at Stripe.
create function record_money(
  p_checkout_id uuid, p_refunds jsonb, p_disputed_at timestamptz, p_event_ids text[]
) returns void
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_checkout checkouts%rowtype;
  v_refund record;
  v_key text;
begin
  perform _begin_checkout(p_checkout_id);
  v_checkout := _get_checkout(p_checkout_id);
  for v_refund in
    select * from jsonb_to_recordset(p_refunds)
      as r (id text, request_key text, amount_minor bigint, state text, failure_reason text)
  loop
    select f.request_key into v_key from refunds f
    where f.checkout_id = p_checkout_id
      and (f.stripe_refund_id = v_refund.id
        or (f.stripe_refund_id is null and f.request_key = v_refund.request_key));
    if not found then
      v_key := 'dashboard:' || v_refund.id;
      insert into refunds (request_key, checkout_id, payment_intent_id, amount_minor, currency, origin)
      values (
        v_key, p_checkout_id, v_checkout.payment_intent_id, v_refund.amount_minor, v_checkout.currency, 'dashboard');
    end if;
    perform _set_refund(v_key, v_refund.id, v_refund.state, v_refund.failure_reason);
  end loop;
  if p_disputed_at is not null then
    perform _record_dispute(p_checkout_id, p_disputed_at);
  end if;
  perform _judge_events(p_checkout_id, p_event_ids, 'recorded');
end
$$;
comment on function record_money(uuid, jsonb, timestamptz, text[]) is
  'Stripe''s refunds [{id, request_key, amount_minor, state, failure_reason}] and first dispute of a checkout''s payment. '
  'Repeating it changes nothing. HF006: no such checkout.';

-- The bank takes the money back by itself: what has not been sent to Stripe yet must never be.
create function _record_dispute(p_checkout_id uuid, p_disputed_at timestamptz) returns void
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_key text;
begin
  update orders set disputed_at = p_disputed_at where checkout_id = p_checkout_id and disputed_at is null;
  if found then
    insert into incidents (checkout_id, kind, detail)
    values (p_checkout_id, 'payment_disputed', jsonb_build_object('disputed_at', p_disputed_at))
    on conflict (checkout_id, kind) where resolved_at is null do nothing;
  end if;
  for v_key in
    select request_key from refunds
    where checkout_id = p_checkout_id and state = 'pending' and stripe_refund_id is null
  loop
    perform _set_refund(v_key, null, 'failed', 'charge_disputed');
  end loop;
end
$$;

revoke execute on all functions in schema public from public;
