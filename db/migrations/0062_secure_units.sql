-- Manual capture, step 4 (a): before the money is taken, every unit of the checkout is held again, or it is known to be gone.

-- As before, except that an open checkout may hold again what it lost: an authorised payment is captured only while its
-- units are held, so a lost race costs a free cancel and no refund. A closed checkout's units still come back only
-- straight into an order.
create or replace function inventory_reservations_guard() returns trigger
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_allowed boolean;
begin
  if tg_op = 'INSERT' then
    new.reclaim_after := coalesce(new.reclaim_after, new.expires_at);
    if new.status <> 'held' then
      raise exception using errcode = 'HF005', message = format('a reservation cannot begin as %s', new.status);
    end if;
    return new;
  end if;
  v_allowed := case
    when old.status = 'held' then true
    when old.status = 'confirmed' then false
    when old.checkout_id is null then new.status = 'held'
    when new.status = 'confirmed' then true
    when new.status = 'held' then
      exists (select 1 from checkouts c where c.id = old.checkout_id and checkout_is_open(c.status))
    else false
  end;
  if new.status <> old.status and not v_allowed then
    raise exception using
      errcode = 'HF005', message = format('a reservation cannot move from %s to %s', old.status, new.status);
  end if;
  if (new.drop_product_id, new.checkout_id) is distinct from (old.drop_product_id, old.checkout_id)
    or (new.quantity <> old.quantity and not (new.status = 'held' and old.status <> 'held')) then
    raise exception using errcode = 'HF005', message = 'what a reservation claims is frozen';
  end if;
  return new;
end
$$;

-- Renews the lease of what is held, and takes lost units again if they are free: all lines or none.
create function secure_units(p_checkout_id uuid, p_reclaim_grace_seconds integer) returns boolean
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_checkout checkouts%rowtype;
begin
  v_checkout := _begin_settlement(p_checkout_id);
  if not checkout_is_open(v_checkout.status) or not _reclaim_lost_lines(v_checkout) then
    return false;
  end if;
  update inventory_reservations r
  set
    status = 'held',
    reclaim_after = greatest(r.reclaim_after, clock_timestamp() + make_interval(secs => p_reclaim_grace_seconds))
  where r.checkout_id = p_checkout_id;
  return true;
end
$$;
comment on function secure_units(uuid, integer) is
  'True: every unit of the open checkout is held, with a lease of now + grace. False: some are gone, or it is closed; '
  'nothing was changed. HF006: no such checkout, HF007: never bound.';
revoke execute on function secure_units(uuid, integer) from public;
