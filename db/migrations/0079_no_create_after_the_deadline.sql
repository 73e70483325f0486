-- A run that takes up an old row may find its deadline passed before anything was created: then nothing is. Asked in the statement
-- that each create needs anyway.

create function begin_create(
  p_checkout_id uuid, p_per_second integer, p_wait_ms_max integer,
  out is_too_late boolean, out is_taken boolean, out wait_ms integer
)
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
begin
  perform _require_read_committed();
  is_too_late := exists (
    select 1 from checkouts c
    where c.id = p_checkout_id and c.status = 'opening' and c.expires_at <= clock_timestamp());
  is_taken := false;
  wait_ms := 0;
  if not is_too_late then
    select s.is_taken, s.wait_ms into is_taken, wait_ms
    from take_stripe_slot('create', p_per_second, p_wait_ms_max) s;
  end if;
end
$$;
comment on function begin_create(uuid, integer, integer) is
  'Before a PaymentIntent is created: whether its checkout may still get one, and when (see take_stripe_slot).';
revoke execute on function begin_create(uuid, integer, integer) from public;
