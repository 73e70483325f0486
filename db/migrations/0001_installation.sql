-- Who this database belongs to, and the guard every function that moves stock or money begins with.

-- One row. It is written by the first process that starts, never by a migration: a copied database must not copy an identity
-- by being migrated, and two shops must never share one.
create table installation (
  singleton boolean primary key default true check (singleton),
  holdfast_env text not null check (holdfast_env ~ '^[a-z0-9_]{8,64}$'),
  stripe_account text,
  temporal_namespace text,
  created_at timestamptz not null default clock_timestamp()
);
comment on table installation is 'Identity of this installation; everything sent to Stripe carries holdfast_env.';

-- The functions lock first and read afterwards. That is only right when every statement sees what was committed before it
-- began; repeatable read and serializable would decide on a snapshot taken before the lock was granted.
create function _require_read_committed() returns void
language plpgsql stable
set search_path = pg_catalog, public, pg_temp
as $$
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception using
      errcode = 'HF001',
      message = format('isolation level %s is refused; use read committed', current_setting('transaction_isolation'));
  end if;
end
$$;

-- Advisory locks live in one space of 64-bit numbers; the seed keeps the kinds apart.
create function _lock_checkout(p_checkout_id uuid) returns void
language sql volatile
set search_path = pg_catalog, public, pg_temp
as $$
  select pg_advisory_xact_lock(hashtextextended(p_checkout_id::text, 1));
$$;

create function _lock_payment_intent(p_payment_intent_id text) returns void
language sql volatile
set search_path = pg_catalog, public, pg_temp
as $$
  select pg_advisory_xact_lock(hashtextextended(p_payment_intent_id, 2));
$$;
