-- Step 1 of the saga in one statement: freeze lines and prices, write the checkout, hold every line or none. A refusal is
-- written as a row as well, so that a repeated key gets the same answer for ever.

-- The checkout's row, locked by the caller, checked against the request that names it. Null when there is none.
create function _find_checkout(p_checkout_id uuid, p_request_fingerprint text) returns checkouts
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_checkout checkouts%rowtype;
begin
  select * into v_checkout from checkouts where id = p_checkout_id;
  if v_checkout.request_fingerprint <> p_request_fingerprint then
    raise exception using
      errcode = 'HF009', message = 'this checkout was opened with another request', detail = p_checkout_id::text;
  end if;
  return v_checkout;
end
$$;

-- The answer of open_checkout, read from the rows alone, so that first call and replay cannot differ.
create function _open_answer(
  p_checkout_id uuid,
  out outcome text, out status text, out failure_code text, out order_id uuid, out amount_minor bigint,
  out currency text, out payment_intent_id text, out opened_at_unix_seconds bigint, out reservation_ids uuid[]
)
language sql volatile
set search_path = pg_catalog, public, pg_temp
as $$
  select
    case when checkout_is_open(c.status) then 'opened' else 'closed' end,
    c.status, c.failure_code,
    (select o.id from orders o where o.checkout_id = c.id),
    c.amount_minor, c.currency, c.payment_intent_id,
    floor(extract(epoch from c.opened_at))::bigint,
    array(select r.id from inventory_reservations r where r.checkout_id = c.id order by r.drop_product_id)
  from checkouts c
  where c.id = p_checkout_id;
$$;

create function open_checkout(
  p_checkout_id uuid, p_request_fingerprint text, p_customer_id text, p_lines jsonb,
  p_window_seconds integer, p_reclaim_grace_seconds integer, p_payment_attempts_max integer,
  out outcome text, out status text, out failure_code text, out order_id uuid, out amount_minor bigint,
  out currency text, out payment_intent_id text, out opened_at_unix_seconds bigint, out reservation_ids uuid[]
)
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_known checkouts%rowtype;
  v_ids uuid[];
  v_quantities integer[];
  v_taken record;
  v_now timestamptz;
  v_expires_at timestamptz;
begin
  perform _require_read_committed();
  perform _lock_checkout(p_checkout_id);
  v_known := _find_checkout(p_checkout_id, p_request_fingerprint);
  if v_known.id is null then
    select product_ids, quantities into v_ids, v_quantities from _parse_lines(p_lines);
    select * into v_taken from _take_for_checkout(p_customer_id, v_ids, v_quantities);
    v_now := clock_timestamp();
    if v_taken.failure_code is not null then
      insert into checkouts as c
        (id, request_fingerprint, customer_id, status, failure_code, failure_detail, opened_at)
      values (
        p_checkout_id, p_request_fingerprint, p_customer_id, 'refused', v_taken.failure_code, v_taken.failure_detail,
        v_now);
    else
      -- Read after every lock: a buyer who waited for one still gets the whole window.
      v_expires_at := v_now + make_interval(secs => p_window_seconds);
      insert into checkouts as c
        (id, request_fingerprint, customer_id, status, amount_minor, currency, window_seconds, payment_attempts_max,
         opened_at, expires_at)
      values (
        p_checkout_id, p_request_fingerprint, p_customer_id, 'opening', v_taken.amount_minor, v_taken.currency,
        p_window_seconds, p_payment_attempts_max, v_now, v_expires_at);
      insert into checkout_lines (checkout_id, drop_product_id, product_name, unit_price_minor, quantity)
      select p_checkout_id, p.id, p.name, p.unit_price_minor, line.units
      from unnest(v_ids, v_quantities) as line (id, units)
      join drop_products p on p.id = line.id;
      insert into inventory_reservations
        (drop_product_id, quantity, payment_intent_id, expires_at, created_at, checkout_id, reclaim_after)
      select
        line.id, line.units, 'checkout:' || p_checkout_id, v_expires_at, v_now, p_checkout_id,
        v_expires_at + make_interval(secs => p_reclaim_grace_seconds)
      from unnest(v_ids, v_quantities) as line (id, units);
    end if;
  end if;
  select a.outcome, a.status, a.failure_code, a.order_id, a.amount_minor, a.currency, a.payment_intent_id,
    a.opened_at_unix_seconds, a.reservation_ids
  into outcome, status, failure_code, order_id, amount_minor, currency, payment_intent_id, opened_at_unix_seconds,
    reservation_ids
  from _open_answer(p_checkout_id) a;
end
$$;
comment on function open_checkout(uuid, text, text, jsonb, integer, integer, integer) is
  'Opens a checkout with every line held, or writes it as refused. A known id is answered from its row. '
  'Raises HF009 when the id was opened with another request, 22023 for malformed lines.';
