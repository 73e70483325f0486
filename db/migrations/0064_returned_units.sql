-- Units that come back from a sold order.

-- The reservation stays what it was sold as; what came back is counted beside it.
alter table inventory_reservations
  add column returned_quantity integer not null default 0,
  add constraint inventory_reservations_returned_ck
    check (returned_quantity between 0 and quantity and (returned_quantity = 0 or status = 'confirmed'));
