-- The checkout: one row per saga, its frozen lines, its payment attempts, and the only moves its status may make.

create table checkouts (
  id uuid primary key,
  -- SHA-256 of the canonical request: the same key with another body is another order, and refused.
  request_fingerprint text not null,
  -- The shop's opaque id; never an e-mail address.
  customer_id text check (length(customer_id) between 1 and 200),
  status text not null check (status in (
    'opening', 'awaiting_payment', 'payment_processing', 'confirmed', 'expired', 'canceled', 'payment_failed',
    'refused', 'refund_pending', 'refunded')),
  failure_code text,
  failure_detail jsonb,
  -- Null only where nothing was priced: a refusal or a tombstone.
  amount_minor bigint check (amount_minor > 0),
  -- No foreign key: every checkout of a sale would share-lock the same row of currencies. The drop's currency has one.
  currency text,
  payment_intent_id text unique,
  window_seconds integer check (window_seconds > 0),
  payment_attempts_max integer check (payment_attempts_max > 0),
  opened_at timestamptz not null default clock_timestamp(),
  -- The payment deadline; null for a checkout that never stood open.
  expires_at timestamptz,
  last_error_code text,
  last_decline_code text,
  closed_at timestamptz,
  updated_at timestamptz not null default clock_timestamp(),
  constraint checkouts_bound_ck check ((payment_intent_id is null) = (status in ('opening', 'refused'))),
  constraint checkouts_closed_ck check
    ((closed_at is null) = (status in ('opening', 'awaiting_payment', 'payment_processing'))),
  constraint checkouts_refused_ck check (status <> 'refused' or failure_code is not null),
  constraint checkouts_priced_ck check
    (status = 'refused' or (amount_minor is not null and currency is not null and expires_at is not null))
);

-- Serves the per-customer limit and nothing else; most shops' buyers have few checkouts.
create index checkouts_customer on checkouts (customer_id) where customer_id is not null;

-- Names and prices as they were at opening. No foreign key to the product: the record must outlive it.
create table checkout_lines (
  checkout_id uuid not null references checkouts (id),
  drop_product_id uuid not null,
  product_name text not null,
  unit_price_minor bigint not null check (unit_price_minor >= 0),
  quantity integer not null check (quantity > 0),
  primary key (checkout_id, drop_product_id)
);

-- One row per attempt, so that a decline delivered fifty times counts once.
create table payment_attempts (
  checkout_id uuid not null references checkouts (id),
  attempt_id text not null,
  event_id text not null,
  error_code text,
  decline_code text,
  advice_code text,
  recorded_at timestamptz not null default clock_timestamp(),
  primary key (checkout_id, attempt_id)
);

-- The same table as contracts/statuses.ts; a test compares the two.
create function checkout_may_move(p_from text, p_to text) returns boolean
language sql immutable
set search_path = pg_catalog, public, pg_temp
as $$
  select case p_from
    when 'opening' then p_to in ('awaiting_payment', 'refused')
    when 'awaiting_payment' then
      p_to in ('payment_processing', 'confirmed', 'expired', 'canceled', 'payment_failed', 'refund_pending')
    when 'payment_processing' then
      p_to in ('awaiting_payment', 'confirmed', 'expired', 'canceled', 'payment_failed', 'refund_pending')
    when 'expired' then p_to in ('confirmed', 'refund_pending')
    when 'canceled' then p_to in ('confirmed', 'refund_pending')
    when 'payment_failed' then p_to in ('confirmed', 'refund_pending')
    when 'refund_pending' then p_to = 'refunded'
    else false
  end;
$$;

create function checkout_is_open(p_status text) returns boolean
language sql immutable
set search_path = pg_catalog, public, pg_temp
as $$
  select p_status in ('opening', 'awaiting_payment', 'payment_processing');
$$;

create function checkouts_guard() returns trigger
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
begin
  if tg_op = 'INSERT' then
    if new.status not in ('opening', 'refused') then
      raise exception using errcode = 'HF005', message = format('a checkout cannot begin as %s', new.status);
    end if;
  else
    if new.status <> old.status and not checkout_may_move(old.status, new.status) then
      raise exception using
        errcode = 'HF005', message = format('a checkout cannot move from %s to %s', old.status, new.status);
    end if;
    if old.payment_intent_id is not null and new.payment_intent_id is distinct from old.payment_intent_id then
      raise exception using
        errcode = 'HF004', message = 'a checkout''s PaymentIntent is bound once', detail = old.payment_intent_id;
    end if;
    if (new.id, new.request_fingerprint, new.customer_id, new.amount_minor, new.currency)
      is distinct from (old.id, old.request_fingerprint, old.customer_id, old.amount_minor, old.currency) then
      raise exception using errcode = 'HF005', message = 'what a checkout was opened with is frozen';
    end if;
    new.updated_at := clock_timestamp();
  end if;
  if new.closed_at is null and not checkout_is_open(new.status) then
    new.closed_at := clock_timestamp();
  end if;
  return new;
end
$$;

create trigger checkouts_100_guard before insert or update on checkouts
  for each row execute function checkouts_guard();
