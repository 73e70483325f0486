-- Dead holds, found through the indexes of 0027. A file of its own: see docs/adr/0007.
create or replace view reclaimable_reservations as
select r.*
from inventory_reservations r
where left(r.status, 4) = 'held'
  and not exists (
    select 1
    from webhook_events e
    where e.checkout_id = r.checkout_id
      and e.outcome is null
      and e.type in (
        'payment_intent.succeeded', 'payment_intent.amount_capturable_updated', 'payment_intent.processing')
  );
