-- Reservations: time-boxed claims on units, the moves they may make, and the journal written from those moves.

create table inventory_reservations (
  id uuid primary key default gen_random_uuid(),
  drop_product_id uuid not null references drop_products (id) on delete cascade,
  quantity integer not null check (quantity > 0),
  -- 'checkout:<checkout id>' until the checkout's PaymentIntent is bound.
  payment_intent_id text not null check (length(payment_intent_id) between 1 and 255),
  -- The buyer's payment deadline.
  expires_at timestamptz not null,
  created_at timestamptz not null default clock_timestamp(),
  status text not null default 'held' check (status in ('held', 'confirmed', 'released', 'expired')),
  checkout_id uuid references checkouts (id),
  -- The lease: until when the database will not take a held unit back on its own. Equals expires_at for a bare reservation.
  reclaim_after timestamptz not null,
  -- An order has several lines, so the PaymentIntent alone cannot be unique.
  unique (payment_intent_id, drop_product_id)
);

create index idx_inventory_reservations_expires_at on inventory_reservations (expires_at);
create index idx_inventory_reservations_payment_intent on inventory_reservations (payment_intent_id);
create index idx_inventory_reservations_drop_product on inventory_reservations (drop_product_id);
create index inventory_reservations_checkout on inventory_reservations (checkout_id) where checkout_id is not null;
-- The two scans for dead holds: all of them (cleanup), and one product's (a buyer finds nothing free).
create index inventory_reservations_held_due on inventory_reservations (reclaim_after) where status = 'held';
create index inventory_reservations_held_product on inventory_reservations (drop_product_id, reclaim_after)
  where status = 'held';

-- A reservation begins as held. A checkout's units may come back only straight into an order (re-claim); a bare reservation
-- may be held again, because its caller has no other row to start over with.
create function inventory_reservations_guard() returns trigger
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
  v_allowed := case old.status
    when 'held' then true
    when 'confirmed' then false
    else new.status = case when old.checkout_id is null then 'held' else 'confirmed' end
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

create trigger inventory_reservations_100_guard before insert or update on inventory_reservations
  for each row execute function inventory_reservations_guard();

-- Only ended reservations may be purged: a deleted hold would take its units with it.
create function inventory_reservations_refuse_delete() returns trigger
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
begin
  if old.status in ('held', 'confirmed') then
    raise exception using errcode = 'HF010', message = format('a %s reservation cannot be deleted', old.status);
  end if;
  return old;
end
$$;

create trigger inventory_reservations_100_refuse_delete before delete on inventory_reservations
  for each row execute function inventory_reservations_refuse_delete();

-- The row of the product is locked before this runs and every reserve updates it first, so nothing can slip in between.
create function drop_products_refuse_delete() returns trigger
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
begin
  if exists (
    select 1 from inventory_reservations where drop_product_id = old.id and status in ('held', 'confirmed')
  ) then
    raise exception using
      errcode = 'HF010', message = 'a product with held or confirmed units cannot be deleted', detail = old.id::text;
  end if;
  return old;
end
$$;

create trigger drop_products_100_refuse_delete before delete on drop_products
  for each row execute function drop_products_refuse_delete();

-- The journal is written from the rows that moved, per statement, so that no caller can forget it.
create function inventory_reservations_journal_insert() returns trigger
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
begin
  insert into inventory_journal (drop_product_id, kind, units, reservations)
  select drop_product_id, 'reserve', sum(quantity), count(*)
  from moved
  group by drop_product_id;
  return null;
end
$$;

create trigger inventory_reservations_900_journal_insert after insert on inventory_reservations
  referencing new table as moved
  for each statement execute function inventory_reservations_journal_insert();

-- The plan is made for the first statement, which moves one row or two, and kept: joined by nested loops, a cleanup of
-- thousands would compare each with each (measured: beyond the statement timeout).
create function inventory_reservations_journal_update() returns trigger
language plpgsql
set search_path = pg_catalog, public, pg_temp
set enable_nestloop = off
as $$
begin
  insert into inventory_journal (drop_product_id, kind, units, reservations)
  select drop_product_id, kind, sum(quantity), count(*)
  from (
    select
      a.drop_product_id,
      a.quantity,
      case a.status
        when 'held' then 'reserve'
        when 'released' then 'release'
        when 'expired' then 'expire'
        when 'confirmed' then case b.status when 'held' then 'confirm' else 'reclaim' end
      end as kind
    from after_move a
    join before_move b using (id)
    where a.status <> b.status
  ) as moves
  group by drop_product_id, kind;
  return null;
end
$$;

create trigger inventory_reservations_900_journal_update after update on inventory_reservations
  referencing old table as before_move new table as after_move
  for each statement execute function inventory_reservations_journal_update();
