-- What each triple check found: database row, workflow result and Stripe, side by side; one row per finished run.

create table triple_check_runs (
  id uuid primary key,
  finished_at timestamptz not null default clock_timestamp(),
  -- Checkouts that closed since then.
  closed_from timestamptz not null,
  checked integer not null check (checked >= 0),
  -- Handed to settlement, which reads everything anew and decides.
  healed integer not null check (healed >= 0),
  -- Contradictions that only a person can explain; each is an open incident.
  findings integer not null check (findings >= 0)
);

create index triple_check_runs_finished on triple_check_runs (finished_at);
