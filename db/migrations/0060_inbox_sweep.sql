-- The inbox drives itself: an event that nobody has judged is handed on again, a bounded number of times, then a person is
-- called.

alter table webhook_events
  -- What a running checkout is signalled with; null for events that only settlement judges.
  add column signal jsonb,
  add column tries integer not null default 0 check (tries >= 0),
  add column driven_at timestamptz,
  -- Given up by the sweep; an operator may have it driven again.
  add column quarantined_at timestamptz;

create index webhook_events_due on webhook_events (coalesce(driven_at, received_at))
  where outcome is null and quarantined_at is null;

-- Takes events that have waited without outcome, counts the try, and answers those to be handed on. One that has had all its
-- tries is quarantined instead, with an incident. Two sweeps at once never take the same event.
create function take_unjudged_events(p_wait_seconds integer, p_tries_max integer, p_limit integer)
returns table (event_id text, checkout_id uuid, signal jsonb, is_quarantined boolean)
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_before constant timestamptz := v_now - make_interval(secs => p_wait_seconds);
begin
  return query
  with due as (
    select e.event_id
    from webhook_events e
    where e.outcome is null and e.quarantined_at is null and e.checkout_id is not null
      and coalesce(e.driven_at, e.received_at) <= v_before
    order by coalesce(e.driven_at, e.received_at)
    limit p_limit
    for update skip locked
  ), taken as (
    update webhook_events e
    set
      tries = least(e.tries + 1, p_tries_max),
      driven_at = v_now,
      quarantined_at = case when e.tries >= p_tries_max then v_now end
    from due
    where e.event_id = due.event_id
    returning e.event_id, e.checkout_id, e.signal, e.quarantined_at is not null as is_quarantined
  ), reported as (
    insert into incidents (checkout_id, kind, detail)
    select t.checkout_id, 'event_not_judged', jsonb_build_object('event_ids', jsonb_agg(t.event_id))
    from taken t
    where t.is_quarantined
    group by t.checkout_id
    on conflict do nothing
  )
  select t.event_id, t.checkout_id, t.signal, t.is_quarantined from taken t;
end
$$;
comment on function take_unjudged_events(integer, integer, integer) is
  'Events without outcome that have waited p_wait_seconds since they came or were last driven, oldest first.';

revoke execute on function take_unjudged_events(integer, integer, integer) from public;
