-- The pace of calls to Stripe, for all workers together. Temporal's rate of a task queue is a bucket: it lets a burst through, and
-- what it lets through reaches Stripe later and closer together. Here each call gets an instant of its own.

-- One row a call. Unlogged: a slot costs no write to disk, and what a crash forgets is shorter than the restart.
create unlogged table stripe_pace (
  call text primary key,
  -- When the next call may begin.
  next_at timestamptz not null
) with (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

create function take_stripe_slot(
  p_call text, p_per_second integer, p_wait_ms_max integer, out is_taken boolean, out wait_ms integer
)
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_next timestamptz;
  v_now timestamptz;
begin
  perform _require_read_committed();
  select p.next_at into v_next from stripe_pace p where p.call = p_call for update;
  if not found then
    insert into stripe_pace (call, next_at) values (p_call, clock_timestamp()) on conflict do nothing;
    select p.next_at into v_next from stripe_pace p where p.call = p_call for update;
  end if;
  v_now := clock_timestamp();
  v_next := greatest(v_next, v_now);
  wait_ms := ceil(extract(epoch from v_next - v_now) * 1000);
  is_taken := wait_ms <= p_wait_ms_max;
  if is_taken then
    update stripe_pace p set next_at = v_next + make_interval(secs => 1.0 / p_per_second) where p.call = p_call;
  end if;
end
$$;
comment on function take_stripe_slot(text, integer, integer) is
  'When the next call of this kind may begin: wait_ms from now. Not taken where that is more than p_wait_ms_max: come again then.';
revoke execute on function take_stripe_slot(text, integer, integer) from public;
