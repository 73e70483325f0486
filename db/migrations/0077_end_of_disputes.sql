-- A dispute that ended in the shop's favour blocks nothing any more: the money is back, and may be refunded again.

create function _end_disputes(p_checkout_id uuid) returns void
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
begin
  update orders set disputed_at = null where checkout_id = p_checkout_id and disputed_at is not null;
  if found then
    update incidents set resolved_at = clock_timestamp()
    where checkout_id = p_checkout_id and kind = 'payment_disputed' and resolved_at is null;
  end if;
end
$$;
revoke execute on function _end_disputes(uuid) from public;

-- As before, and without a dispute that is open or lost the order has none.
create or replace function record_money(
  p_checkout_id uuid, p_refunds jsonb, p_disputed_at timestamptz, p_event_ids text[]
) returns void
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_checkout checkouts%rowtype;
  v_refund record;
  v_key text;
begin
  perform _begin_checkout(p_checkout_id);
  v_checkout := _get_checkout(p_checkout_id);
  for v_refund in
    select * from jsonb_to_recordset(p_refunds)
      as r (id text, request_key text, amount_minor bigint, state text, failure_reason text)
  loop
    select f.request_key into v_key from refunds f
    where f.checkout_id = p_checkout_id
      and (f.stripe_refund_id = v_refund.id
        or (f.stripe_refund_id is null and f.request_key = v_refund.request_key));
    if not found then
      v_key := 'dashboard:' || v_refund.id;
      insert into refunds (request_key, checkout_id, payment_intent_id, amount_minor, currency, origin)
      values (
        v_key, p_checkout_id, v_checkout.payment_intent_id, v_refund.amount_minor, v_checkout.currency, 'dashboard');
    end if;
    perform _set_refund(v_key, v_refund.id, v_refund.state, v_refund.failure_reason);
  end loop;
  if p_disputed_at is not null then
    perform _record_dispute(p_checkout_id, p_disputed_at);
  else
    perform _end_disputes(p_checkout_id);
  end if;
  perform _judge_events(p_checkout_id, p_event_ids, 'recorded');
end
$$;
comment on function record_money(uuid, jsonb, timestamptz, text[]) is
  'Stripe''s refunds [{id, request_key, amount_minor, state, failure_reason}] and first dispute, open or lost, of a checkout''s '
  'payment. Repeating it changes nothing. HF006: no such checkout.';
