-- See 0072.
alter table checkout_lines drop constraint checkout_lines_checkout_id_fkey;
create trigger checkout_lines_100_checkout after insert on checkout_lines
  referencing new table as written for each statement execute function checkouts_must_exist();
