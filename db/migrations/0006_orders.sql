-- What a checkout can end in: an order, or a refund of money that came when no units were left.

create table orders (
  id uuid primary key default gen_random_uuid(),
  checkout_id uuid not null unique references checkouts (id),
  customer_id text,
  payment_intent_id text not null unique,
  amount_minor bigint not null check (amount_minor > 0),
  currency text not null,
  status text not null default 'paid' check (status in ('paid', 'partially_refunded', 'refunded')),
  disputed_at timestamptz,
  created_at timestamptz not null default clock_timestamp()
);

-- A copy of the checkout's lines, for the same reason: it must outlive the product.
create table order_items (
  order_id uuid not null references orders (id),
  drop_product_id uuid not null,
  product_name text not null,
  unit_price_minor bigint not null check (unit_price_minor >= 0),
  quantity integer not null check (quantity > 0),
  primary key (order_id, drop_product_id)
);

-- A decision to pay back, written before Stripe is asked. The key makes it one decision: 'late:<checkout id>' is the only
-- automatic refund a checkout can have.
create table refunds (
  request_key text primary key,
  checkout_id uuid not null references checkouts (id),
  payment_intent_id text not null,
  -- Part of Stripe's idempotency key; grows by one after a definite answer other than success.
  n integer not null default 0 check (n >= 0),
  amount_minor bigint not null check (amount_minor > 0),
  currency text not null,
  state text not null default 'pending' check (state in ('pending', 'succeeded', 'failed')),
  stripe_refund_id text unique,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp()
);

create index refunds_checkout on refunds (checkout_id);

-- The checkout as buyers and operators read it; every difference of instants is taken here, by one clock.
create view checkout_details as
select
  c.id as checkout_id,
  c.request_fingerprint,
  c.customer_id,
  c.status,
  c.failure_code,
  c.failure_detail,
  c.amount_minor,
  c.currency,
  c.payment_intent_id,
  c.opened_at,
  c.expires_at,
  c.closed_at,
  case
    when checkout_is_open(c.status)
      then greatest(0, ceil(extract(epoch from c.expires_at - clock_timestamp())))::integer
    else 0
  end as seconds_left,
  c.status = 'awaiting_payment' and c.expires_at > clock_timestamp() as is_payable,
  c.last_error_code,
  c.last_decline_code,
  (select count(*)::integer from payment_attempts a where a.checkout_id = c.id) as attempts,
  (select o.id from orders o where o.checkout_id = c.id) as order_id,
  (
    select jsonb_build_object('state', f.state, 'amount_minor', f.amount_minor)
    from refunds f
    where f.checkout_id = c.id
    order by f.created_at desc
    limit 1
  ) as refund,
  array(
    select r.id from inventory_reservations r where r.checkout_id = c.id order by r.drop_product_id
  ) as reservation_ids,
  (
    select coalesce(jsonb_agg(jsonb_build_object(
      'drop_product_id', l.drop_product_id, 'product_name', l.product_name,
      'unit_price_minor', l.unit_price_minor, 'quantity', l.quantity) order by l.drop_product_id), '[]')
    from checkout_lines l
    where l.checkout_id = c.id
  ) as lines
from checkouts c;
