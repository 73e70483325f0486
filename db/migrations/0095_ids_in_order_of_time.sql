-- New reservations stand side by side in the index of their ids instead of all over it, where PostgreSQL can make such ids (18 and later).
do $$
begin
  if current_setting('server_version_num')::integer >= 180000 then
    execute 'alter table inventory_reservations alter column id set default uuidv7()';
  end if;
end
$$;
