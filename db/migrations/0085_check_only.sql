-- RESERVATIONS=check-only: a checkout that holds nothing while its payment is awaited. Its reservations are rows that have been
-- let go already, so step 4 takes the units the way it takes back lost ones, and counters, journal and audit stay the same.

alter table checkouts add column is_check_only boolean not null default false;
comment on column checkouts.is_check_only is
  'Opened while reservations were only checked: its units were free then, and are taken once the money is there.';

-- As open_checkout, and in the same transaction everything it took is let go again. A known id is answered from its row, however
-- it was opened.
create function open_checkout_check_only(
  p_checkout_id uuid, p_request_fingerprint text, p_customer_id text, p_lines jsonb,
  p_window_seconds integer, p_reclaim_grace_seconds integer, p_payment_attempts_max integer,
  out outcome text, out status text, out failure_code text, out order_id uuid, out amount_minor bigint,
  out currency text, out payment_intent_id text, out opened_at_unix_seconds bigint, out reservation_ids uuid[]
)
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_is_known boolean;
begin
  perform _require_read_committed();
  perform _lock_checkout(p_checkout_id);
  v_is_known := exists (select 1 from checkouts c where c.id = p_checkout_id);
  select o.outcome, o.status, o.failure_code, o.order_id, o.amount_minor, o.currency, o.payment_intent_id,
    o.opened_at_unix_seconds, o.reservation_ids
  into outcome, status, failure_code, order_id, amount_minor, currency, payment_intent_id, opened_at_unix_seconds,
    reservation_ids
  from open_checkout(
    p_checkout_id, p_request_fingerprint, p_customer_id, p_lines, p_window_seconds, p_reclaim_grace_seconds,
    p_payment_attempts_max) o;
  if not v_is_known and outcome = 'opened' then
    update checkouts c set is_check_only = true where c.id = p_checkout_id;
    perform _release_own_holds(p_checkout_id, 'released');
  end if;
end
$$;
comment on function open_checkout_check_only(uuid, text, text, jsonb, integer, integer, integer) is
  'Opens a checkout whose lines are all free at this moment, and holds none of them; or writes it as refused. '
  'Raises as open_checkout.';
revoke execute on function open_checkout_check_only(uuid, text, text, jsonb, integer, integer, integer) from public;
