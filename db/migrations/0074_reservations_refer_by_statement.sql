-- See 0072.
alter table inventory_reservations drop constraint inventory_reservations_checkout_id_fkey;
create trigger inventory_reservations_100_checkout after insert on inventory_reservations
  referencing new table as written for each statement execute function checkouts_must_exist();
