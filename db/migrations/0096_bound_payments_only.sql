-- A checkout that is just opened has no payment yet, and no entry in the index of payments either.
alter table checkouts drop constraint checkouts_payment_intent_id_key;
create unique index checkouts_payment_intent_id_key on checkouts (payment_intent_id) where payment_intent_id is not null;
