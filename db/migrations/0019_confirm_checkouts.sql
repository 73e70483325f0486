-- Step 4 for a batch, in one statement. Only the plain case takes part: an open checkout, all its units still held, the bound
-- PaymentIntent. Whatever needs a decision (lost units, late money, a repeat) has it in confirm_checkout.

-- Which members are plain. Checkouts and own rows are locked.
create function _plain_confirms(p_checkout_ids uuid[], p_payment_intent_ids text[]) returns uuid[]
language sql stable
set search_path = pg_catalog, public, pg_temp
as $$
  select array(
    select c.id
    from (
      select id, min(payment_intent_id) as payment_intent_id
      from unnest(p_checkout_ids, p_payment_intent_ids) as m (id, payment_intent_id)
      group by id
      having count(*) = 1
    ) as m
    join checkouts c on c.id = m.id
    where c.status in ('awaiting_payment', 'payment_processing')
      and c.payment_intent_id = m.payment_intent_id
      -- Counted by checkout alone: a condition on product or status would offer the planner an index that holds every live hold.
      and (select count(*) from checkout_lines l where l.checkout_id = c.id)
        = (select count(*) filter (where r.status = 'held') from inventory_reservations r where r.checkout_id = c.id));
$$;

create function confirm_checkouts(
  p_checkout_ids uuid[], p_payment_intent_ids text[], p_event_owners integer[], p_event_ids text[]
) returns table (member integer, outcome text, status text, failure_code text, order_id uuid)
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_ids uuid[];
begin
  perform _require_read_committed();
  perform _lock_checkouts(p_checkout_ids);
  perform 1 from inventory_reservations r where r.checkout_id = any (p_checkout_ids) order by r.id for update;
  v_ids := _plain_confirms(p_checkout_ids, p_payment_intent_ids);

  update inventory_reservations r set status = 'confirmed' where r.checkout_id = any (v_ids);
  insert into orders (checkout_id, customer_id, payment_intent_id, amount_minor, currency)
  select c.id, c.customer_id, c.payment_intent_id, c.amount_minor, c.currency from checkouts c where c.id = any (v_ids);
  insert into order_items (order_id, drop_product_id, product_name, unit_price_minor, quantity)
  select o.id, l.drop_product_id, l.product_name, l.unit_price_minor, l.quantity
  from orders o
  join checkout_lines l on l.checkout_id = o.checkout_id
  where o.checkout_id = any (v_ids);
  update checkouts c set status = 'confirmed', failure_code = null where c.id = any (v_ids);
  update webhook_events e
  set outcome = 'confirmed', judged_at = clock_timestamp()
  from unnest(p_event_owners, p_event_ids) as judged (owner, event_id)
  where e.event_id = judged.event_id and e.checkout_id = p_checkout_ids[judged.owner] and e.checkout_id = any (v_ids)
    and e.outcome is null;

  return query
    select m.position::integer, case when c.id is null then 'single' else 'answered' end, c.status, c.failure_code, o.id
    from unnest(p_checkout_ids) with ordinality as m (id, position)
    left join checkouts c on c.id = m.id and c.id = any (v_ids)
    left join orders o on o.checkout_id = c.id
    order by m.position;
end
$$;
comment on function confirm_checkouts(uuid[], text[], integer[], text[]) is
  'confirm_checkout for a batch; p_event_owners names the member of each event. Outcome single: nothing was done for this '
  'member, call confirm_checkout.';

revoke execute on all functions in schema public from public;
