-- Each cleanup leaves a row, so that a person (and an alarm) sees whether it still runs.

create table maintenance_runs (
  id bigint generated always as identity primary key,
  -- Who asked: the schedule, or the maintenance route.
  trigger text not null check (trigger in ('schedule', 'route')),
  finished_at timestamptz not null default clock_timestamp(),
  duration_ms integer not null check (duration_ms >= 0),
  -- Reservations expired and purged. Null: the run failed.
  released integer,
  purged integer,
  -- Whether it stopped at its own limit.
  more boolean not null default false,
  -- Findings of inventory_drift; null where the run did not look.
  drift integer
);
create index maintenance_runs_finished on maintenance_runs (finished_at);

-- The schedule runs every minute; three in a row missed is a fault.
create view maintenance_health as
with last_day as (
  select * from maintenance_runs where finished_at > now() - interval '24 hours'
), last as (
  select
    (select max(finished_at) from maintenance_runs where released is not null) as success_at,
    (select drift from maintenance_runs where drift is not null order by finished_at desc limit 1) as drift
)
select
  last.success_at as last_success_at,
  (select count(*)::integer from last_day) as runs_24h,
  (select count(*)::integer from last_day where released is not null) as successes_24h,
  last.success_at is null or last.success_at < clock_timestamp() - interval '180 s' as is_overdue,
  last.drift
from last;
comment on view maintenance_health is 'One row. Overdue: no cleanup succeeded for 180 s (it is due every 60 s).';
