-- Nothing should use them any more: see 0027.
drop index inventory_reservations_held_due;
drop index inventory_reservations_held_product;
