-- How far the events of Stripe have been read where no webhook brings them, and which worker reads just now.

create table event_polling (
  singleton boolean primary key default true check (singleton),
  -- Stripe's clock: what was created before has been taken in, but for what shows up late.
  seen_until timestamptz,
  -- A pass goes from the newest event back to seen_until, maybe over several polls: the newest it has met, and the event
  -- after which its next page begins.
  pass_until timestamptz,
  pass_after text,
  -- The worker whose turn it is. One that dies loses the turn when its time is over.
  holder uuid,
  held_until timestamptz not null default '-infinity',
  due_at timestamptz not null default '-infinity',
  failing_since timestamptz
);
insert into event_polling default values;
