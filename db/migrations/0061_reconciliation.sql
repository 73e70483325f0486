-- What each reconciliation with Stripe found: one row per finished run.

create table reconciliation_runs (
  id uuid primary key default gen_random_uuid(),
  finished_at timestamptz not null default clock_timestamp(),
  checked integer not null check (checked >= 0),
  -- Handed to settlement, which reads everything anew and decides.
  healed integer not null check (healed >= 0),
  -- PaymentIntents of ours that no checkout is bound to, cancelled.
  orphans_canceled integer not null check (orphans_canceled >= 0),
  incidents integer not null check (incidents >= 0)
);

create index reconciliation_runs_finished on reconciliation_runs (finished_at);
create index checkouts_closed on checkouts (closed_at) where closed_at is not null;
