-- As in 0020; a file of its own, because a file may lock one busy table only (docs/adr/0007).
create or replace trigger inventory_reservations_100_guard before update on inventory_reservations
  for each row execute function inventory_reservations_guard();
create trigger inventory_reservations_100_guard_insert before insert on inventory_reservations
  for each row when (new.status <> 'held' or new.reclaim_after is null) execute function inventory_reservations_guard();
