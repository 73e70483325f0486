-- The life of an open checkout: bind its PaymentIntent, close it while it has none, keep its lease, count its declines.
-- Each begins with the checkout's lock and, where reservations are touched, with its own rows.

create function _begin_checkout(p_checkout_id uuid) returns void
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
begin
  perform _require_read_committed();
  perform _lock_checkout(p_checkout_id);
  perform 1 from inventory_reservations where checkout_id = p_checkout_id order by id for update;
end
$$;

create function _get_checkout(p_checkout_id uuid) returns checkouts
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_checkout checkouts%rowtype;
begin
  select * into v_checkout from checkouts where id = p_checkout_id;
  if not found then
    raise exception using errcode = 'HF006', message = 'no such checkout', detail = p_checkout_id::text;
  end if;
  return v_checkout;
end
$$;

create function _release_own_holds(p_checkout_id uuid, p_status text) returns integer
language sql volatile
set search_path = pg_catalog, public, pg_temp
as $$
  select _end_holds(
    array(select id from inventory_reservations where checkout_id = p_checkout_id and status = 'held'), p_status);
$$;

create function bind_payment_intent(p_checkout_id uuid, p_payment_intent_id text) returns boolean
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_checkout checkouts%rowtype;
begin
  perform _begin_checkout(p_checkout_id);
  -- The bare functions lock the same id before they look whether it belongs to a checkout.
  perform _lock_payment_intent(p_payment_intent_id);
  v_checkout := _get_checkout(p_checkout_id);
  if v_checkout.payment_intent_id is not null then
    if v_checkout.payment_intent_id = p_payment_intent_id then
      return true;
    end if;
    raise exception using
      errcode = 'HF004', message = 'this checkout is bound to another PaymentIntent',
      detail = v_checkout.payment_intent_id;
  end if;
  if v_checkout.status <> 'opening' then
    return false;
  end if;
  if exists (select 1 from inventory_reservations where payment_intent_id = p_payment_intent_id) then
    raise exception using
      errcode = 'HF002', message = 'this PaymentIntent has reservations of its own', detail = p_payment_intent_id;
  end if;
  update checkouts set payment_intent_id = p_payment_intent_id, status = 'awaiting_payment' where id = p_checkout_id;
  update inventory_reservations set payment_intent_id = p_payment_intent_id where checkout_id = p_checkout_id;
  return true;
end
$$;
comment on function bind_payment_intent(uuid, text) is
  'Write-once. True: bound now, or to the same id before. False: the checkout closed unbound. HF004: bound to another id '
  '(detail), HF006: no such checkout.';

create function close_unbound_checkout(
  p_checkout_id uuid, p_request_fingerprint text, p_failure_code text,
  out outcome text, out status text, out failure_code text, out payment_intent_id text
)
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_checkout checkouts%rowtype;
begin
  perform _begin_checkout(p_checkout_id);
  v_checkout := _find_checkout(p_checkout_id, p_request_fingerprint);
  if v_checkout.id is null then
    -- A tombstone: an open that is still on its way finds it and stays closed.
    insert into checkouts as c (id, request_fingerprint, status, failure_code)
    values (p_checkout_id, p_request_fingerprint, 'refused', p_failure_code);
  elsif v_checkout.status = 'opening' then
    perform _release_own_holds(p_checkout_id, 'released');
    update checkouts c set status = 'refused', failure_code = p_failure_code where c.id = p_checkout_id;
  end if;
  v_checkout := _get_checkout(p_checkout_id);
  outcome := case when checkout_is_open(v_checkout.status) then 'bound' else 'closed' end;
  status := v_checkout.status;
  failure_code := v_checkout.failure_code;
  payment_intent_id := v_checkout.payment_intent_id;
end
$$;
comment on function close_unbound_checkout(uuid, text, text) is
  'Refuses a checkout that has no PaymentIntent and releases its units, in one transaction; without a row it leaves a '
  'tombstone. One that is bound and open is left alone and its PaymentIntent returned.';

create function renew_lease(
  p_checkout_id uuid, p_reclaim_grace_seconds integer, p_hold_max_seconds integer,
  out payment_intent_id text, out status text, out renewed boolean, out grace_exceeded boolean,
  out hold_max_reached boolean
)
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_checkout checkouts%rowtype;
  v_now timestamptz;
begin
  perform _begin_checkout(p_checkout_id);
  v_checkout := _get_checkout(p_checkout_id);
  v_now := clock_timestamp();
  payment_intent_id := v_checkout.payment_intent_id;
  status := v_checkout.status;
  grace_exceeded := coalesce(
    v_now > v_checkout.expires_at + make_interval(secs => p_reclaim_grace_seconds), false);
  hold_max_reached := coalesce(
    v_now >= v_checkout.expires_at + make_interval(secs => p_hold_max_seconds), false);
  renewed := false;
  if checkout_is_open(status) and not hold_max_reached then
    -- Lapsed or not, a unit still held is renewed; a lease is never shortened.
    update inventory_reservations r
    set reclaim_after = greatest(r.reclaim_after, v_now + make_interval(secs => p_reclaim_grace_seconds))
    where r.checkout_id = p_checkout_id and r.status = 'held';
    renewed := found;
  end if;
end
$$;
comment on function renew_lease(uuid, integer, integer) is
  'Keeps an open checkout''s held units from being taken back until now + grace. Stops at deadline + hold max.';

create function record_decline(
  p_checkout_id uuid, p_event_id text, p_attempt_id text, p_error_code text, p_decline_code text, p_advice_code text
) returns integer
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_attempts integer;
begin
  perform _begin_checkout(p_checkout_id);
  perform _get_checkout(p_checkout_id);
  insert into payment_attempts (checkout_id, attempt_id, event_id, error_code, decline_code, advice_code)
  values (p_checkout_id, p_attempt_id, p_event_id, p_error_code, p_decline_code, p_advice_code)
  on conflict do nothing;
  -- A decline that is known already says nothing new: it must not undo what happened since.
  if found then
    update checkouts
    set
      last_error_code = p_error_code,
      last_decline_code = p_decline_code,
      status = case status when 'payment_processing' then 'awaiting_payment' else status end
    where id = p_checkout_id;
  end if;
  perform _judge_events(p_checkout_id, array[p_event_id], 'attempt');
  select count(*) into v_attempts from payment_attempts where checkout_id = p_checkout_id;
  return v_attempts;
end
$$;
comment on function record_decline(uuid, text, text, text, text, text) is
  'Counts a declined attempt once, by its id. Answers how many different attempts there were.';

create function record_processing(p_checkout_id uuid, p_event_id text) returns void
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
begin
  perform _begin_checkout(p_checkout_id);
  perform _get_checkout(p_checkout_id);
  update checkouts set status = 'payment_processing' where id = p_checkout_id and status = 'awaiting_payment';
  perform _judge_events(p_checkout_id, array[p_event_id], 'processing');
end
$$;

create function close_events(p_checkout_id uuid, p_event_ids text[]) returns integer
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_unjudged integer;
begin
  perform _begin_checkout(p_checkout_id);
  perform _judge_events(p_checkout_id, p_event_ids, 'no_effect');
  select count(*) into v_unjudged from webhook_events where checkout_id = p_checkout_id and outcome is null;
  return v_unjudged;
end
$$;
comment on function close_events(uuid, text[]) is
  'Marks events that changed nothing. Answers how many events of the checkout nobody has judged yet.';
