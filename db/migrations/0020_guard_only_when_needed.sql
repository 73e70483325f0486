-- The row guards of the hot inserts only run where there is something to guard: a condition of a trigger costs next to nothing,
-- a call of its function a fifth of the insert.
create or replace trigger checkouts_100_guard before update on checkouts
  for each row execute function checkouts_guard();
create trigger checkouts_100_guard_insert before insert on checkouts
  for each row when (new.status <> 'opening' or new.closed_at is not null) execute function checkouts_guard();
