-- An operator gives a buyer more time: the payment deadline and the lease move together, at most ten minutes in all.

create table checkout_extensions (
  -- The operation's key: repeating it moves nothing.
  request_key text primary key check (length(request_key) between 1 and 200),
  checkout_id uuid not null references checkouts (id),
  seconds integer not null check (seconds > 0),
  extended_at timestamptz not null default clock_timestamp()
);
create index checkout_extensions_checkout on checkout_extensions (checkout_id);

-- The deadline is judged by this clock, as the buyer sees it. The caller restarts its own timer by the same seconds.
create function extend_checkout(p_checkout_id uuid, p_request_key text, p_seconds integer, out outcome text)
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_seconds_max constant integer := 600;
  v_checkout checkouts%rowtype;
begin
  perform _begin_checkout(p_checkout_id);
  v_checkout := _get_checkout(p_checkout_id);
  outcome := case
    when exists (select 1 from checkout_extensions where request_key = p_request_key) then 'known'
    when not checkout_is_open(v_checkout.status) then 'checkout_closed'
    when v_checkout.status = 'opening' then 'still_opening'
    when clock_timestamp() >= v_checkout.expires_at then 'deadline_passed'
    when p_seconds + coalesce(
        (select sum(seconds) from checkout_extensions where checkout_id = p_checkout_id), 0) > v_seconds_max
      then 'extension_too_long'
    else 'extended'
  end;
  if outcome = 'extended' then
    insert into checkout_extensions (request_key, checkout_id, seconds) values (p_request_key, p_checkout_id, p_seconds);
    update checkouts set expires_at = expires_at + make_interval(secs => p_seconds) where id = p_checkout_id;
    -- One payment has one deadline; only what is still held has a lease.
    update inventory_reservations
    set
      expires_at = expires_at + make_interval(secs => p_seconds),
      reclaim_after = reclaim_after + make_interval(secs => case status when 'held' then p_seconds else 0 end)
    where checkout_id = p_checkout_id;
  elsif outcome = 'known' then
    outcome := 'extended';
  end if;
end
$$;
comment on function extend_checkout(uuid, text, integer) is
  'Moves payment deadline and lease of an open checkout, once per key, at most 600 s in all. extended, or why not: '
  'checkout_closed, still_opening, deadline_passed, extension_too_long. HF006: no such checkout.';
revoke execute on function extend_checkout(uuid, text, integer) from public;
