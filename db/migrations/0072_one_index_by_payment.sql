-- One index serves what two did, and every opened line pays for one only: the unique one begins with payment_intent_id.
alter table inventory_reservations drop constraint inventory_reservations_payment_intent_id_drop_product_id_key;
drop index idx_inventory_reservations_payment_intent;
create unique index idx_inventory_reservations_payment_intent
  on inventory_reservations (payment_intent_id, drop_product_id);
