-- The inbox of Stripe's events, and the incidents only a person can finish.

create table webhook_events (
  event_id text primary key,
  type text not null,
  livemode boolean not null,
  stripe_created_at timestamptz not null,
  payment_intent_id text,
  -- From the event's metadata, so it may name a checkout that is not here (yet): no foreign key.
  checkout_id uuid,
  payload jsonb not null,
  received_at timestamptz not null default clock_timestamp(),
  -- When Temporal accepted the signal.
  forwarded_at timestamptz,
  -- Written in the transaction that acted on the event; null while nobody has judged it.
  outcome text check (outcome in (
    'ignored', 'no_effect', 'confirmed', 'refund_pending', 'released', 'attempt', 'processing')),
  reason text,
  judged_at timestamptz,
  check ((outcome is null) = (judged_at is null))
);

create index webhook_events_unjudged on webhook_events (checkout_id) where outcome is null;
create index webhook_events_received on webhook_events (received_at);

-- Marks what one act of a checkout has judged. An event judged before keeps its first outcome.
create function _judge_events(p_checkout_id uuid, p_event_ids text[], p_outcome text) returns void
language sql volatile
set search_path = pg_catalog, public, pg_temp
as $$
  update webhook_events
  set outcome = p_outcome, judged_at = clock_timestamp()
  where event_id = any (p_event_ids) and checkout_id = p_checkout_id and outcome is null;
$$;

-- Dead holds that may be taken back once their lease has ended. Money that may already be in protects its units: a stored
-- event that says so and is not judged yet keeps them, however old the lease. One definition for cleanup and buyers.
create view reclaimable_reservations as
select r.*
from inventory_reservations r
where r.status = 'held'
  and not exists (
    select 1
    from webhook_events e
    where e.checkout_id = r.checkout_id
      and e.outcome is null
      and e.type in (
        'payment_intent.succeeded', 'payment_intent.amount_capturable_updated', 'payment_intent.processing')
  );

create table incidents (
  id uuid primary key default gen_random_uuid(),
  checkout_id uuid,
  kind text not null check (kind ~ '^[a-z][a-z0-9_]*$'),
  detail jsonb not null default '{}',
  opened_at timestamptz not null default clock_timestamp(),
  resolved_at timestamptz
);

-- One open incident per checkout and kind: reporting it again is not another one.
create unique index incidents_open on incidents (checkout_id, kind) nulls not distinct where resolved_at is null;
