-- The refund of late money: the row in refunds is the decision, these two write what Stripe answered.

-- Only the number the caller saw is advanced, so that two callers with one answer advance it once.
create function advance_refund(p_request_key text, p_n integer) returns integer
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_n integer;
begin
  perform _require_read_committed();
  update refunds set n = n + 1, updated_at = clock_timestamp()
  where request_key = p_request_key and n = p_n and state = 'pending';
  select n into v_n from refunds where request_key = p_request_key;
  if not found then
    raise exception using errcode = 'HF006', message = 'no such refund', detail = p_request_key;
  end if;
  return v_n;
end
$$;

create function record_refund(
  p_request_key text, p_stripe_refund_id text, p_state text, out state text, out status text
)
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_checkout_id uuid;
begin
  perform _require_read_committed();
  select checkout_id into v_checkout_id from refunds where request_key = p_request_key;
  if not found then
    raise exception using errcode = 'HF006', message = 'no such refund', detail = p_request_key;
  end if;
  perform _lock_checkout(v_checkout_id);
  -- Stripe may report that a refund failed after it succeeded, never that it is pending again.
  update refunds r
  set
    stripe_refund_id = coalesce(p_stripe_refund_id, r.stripe_refund_id),
    state = case when p_state = 'pending' then r.state else p_state end,
    updated_at = clock_timestamp()
  where r.request_key = p_request_key and r.state <> 'failed';
  select r.state into state from refunds r where r.request_key = p_request_key;
  if state = 'succeeded' then
    update checkouts c set status = 'refunded' where c.id = v_checkout_id and c.status = 'refund_pending';
  end if;
  select c.status into status from checkouts c where c.id = v_checkout_id;
end
$$;
comment on function record_refund(text, text, text) is
  'What Stripe says of a refund. Succeeded moves its checkout from refund_pending to refunded; failed needs a person.';
