-- One index serves what two did, and every opened line pays for one only: the unique one begins with payment_intent_id.
alter table inventory_reservations drop constraint inventory_reservations_payment_intent_id_drop_product_id_key;
drop index idx_inventory_reservations_payment_intent;
create unique index idx_inventory_reservations_payment_intent
  on inventory_reservations (payment_intent_id, drop_product_id);

-- Checked once per statement: see 0072.
alter table inventory_reservations drop constraint inventory_reservations_checkout_id_fkey;
create trigger inventory_reservations_100_checkout after insert on inventory_reservations
  referencing new table as written for each statement execute function checkouts_must_exist();
