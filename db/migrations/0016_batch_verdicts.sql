-- What a batch of opens needs before it may touch stock: locks in the one order, and who can take part.

-- All checkout locks of a batch, in the order of their numbers: two batches with the same members cannot wait for each other.
create function _lock_checkouts(p_checkout_ids uuid[]) returns void
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
begin
  perform pg_advisory_xact_lock(key)
  from (
    select distinct hashtextextended(id::text, 1) as key from unnest(p_checkout_ids) as id order by key
  ) as ascending;
end
$$;

-- The answer of an open, read from the rows alone, so that first call and replay, single and batch, cannot differ.
create view checkout_open_answers as
select
  c.id as checkout_id,
  case when checkout_is_open(c.status) then 'opened' else 'closed' end as outcome,
  c.status,
  c.failure_code,
  (select o.id from orders o where o.checkout_id = c.id) as order_id,
  c.amount_minor,
  c.currency,
  c.payment_intent_id,
  floor(extract(epoch from c.opened_at))::bigint as opened_at_unix_seconds,
  array(
    select r.id from inventory_reservations r where r.checkout_id = c.id order by r.drop_product_id
  ) as reservation_ids
from checkouts c;

create or replace function _open_answer(
  p_checkout_id uuid,
  out outcome text, out status text, out failure_code text, out order_id uuid, out amount_minor bigint,
  out currency text, out payment_intent_id text, out opened_at_unix_seconds bigint, out reservation_ids uuid[]
)
language sql volatile
set search_path = pg_catalog, public, pg_temp
as $$
  select a.outcome, a.status, a.failure_code, a.order_id, a.amount_minor, a.currency, a.payment_intent_id,
    a.opened_at_unix_seconds, a.reservation_ids
  from checkout_open_answers a
  where a.checkout_id = p_checkout_id;
$$;

-- One word per member: 'fresh' takes part, 'known' is answered from its row, 'single' must come through open_checkout, which
-- has the right refusal for it (an id twice in one batch, an id of another request, anything malformed). Checkouts are locked.
create function _open_verdicts(
  p_checkout_ids uuid[], p_request_fingerprints text[], p_customer_ids text[], p_window_seconds integer[],
  p_reclaim_grace_seconds integer[], p_payment_attempts_max integer[],
  p_line_owners integer[], p_line_product_ids uuid[], p_line_quantities integer[]
) returns text[]
language sql stable
set search_path = pg_catalog, public, pg_temp
as $$
  select array_agg(
    case
      when b.position > b.first_position or b.fingerprint is distinct from coalesce(c.request_fingerprint, b.fingerprint)
        then 'single'
      when c.id is not null then 'known'
      when b.id is null or b.fingerprint is null or length(b.customer_id) not between 1 and 200
        or coalesce(least(b.window_seconds, b.attempts_max), 0) < 1 or coalesce(b.grace_seconds, -1) < 0
        or l.is_sound is not true then 'single'
      else 'fresh'
    end order by b.position)
  from (
    select m.*, min(m.position) over (partition by m.id) as first_position
    from unnest(
      p_checkout_ids, p_request_fingerprints, p_customer_ids, p_window_seconds, p_reclaim_grace_seconds,
      p_payment_attempts_max
    ) with ordinality as m (id, fingerprint, customer_id, window_seconds, grace_seconds, attempts_max, position)
  ) as b
  left join checkouts c on c.id = b.id
  left join (
    select owner,
      count(*) <= 200 and bool_and(coalesce(product_id is not null and quantity between 1 and 1000000, false)) as is_sound
    from unnest(p_line_owners, p_line_product_ids, p_line_quantities) as line (owner, product_id, quantity)
    group by owner
  ) as l on l.owner = b.position;
$$;

-- What each member's lines cost, at the positions of the batch. A member whose lines cannot all be sold as they are is null
-- here; _quote_lines knows why. Call it with the products locked: prices are frozen as read here.
create function _quote_batch(
  p_count integer, p_line_owners integer[], p_line_product_ids uuid[], p_line_units integer[], p_now timestamptz,
  out amounts_minor bigint[], out currencies text[]
)
language sql stable
set search_path = pg_catalog, public, pg_temp
as $$
  select
    array_agg(q.amount_minor order by m.position),
    array_agg(q.currency order by m.position)
  from generate_series(1, p_count) as m (position)
  left join (
    select line.owner, sum(p.unit_price_minor * line.units)::bigint as amount_minor, min(d.currency) as currency
    from unnest(p_line_owners, p_line_product_ids, p_line_units) as line (owner, product_id, units)
    left join drop_products p on p.id = line.product_id
    left join drops d on d.id = p.drop_id
    left join currencies c on c.code = d.currency
    group by line.owner
    having count(*) = count(p.id)
      and count(distinct d.currency) = 1
      and bool_and(d.opens_at <= p_now and p_now < coalesce(d.closes_at, 'infinity'))
      and sum(p.unit_price_minor * line.units) between min(c.amount_minor_min) and min(c.amount_minor_max)
  ) as q on q.owner = m.position;
$$;

revoke execute on all functions in schema public from public;
