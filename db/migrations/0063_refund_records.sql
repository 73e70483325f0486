-- Refunds of every origin on one record. A file for each busy table: docs/adr/0007.

-- Who decided, and why. 'late': money that came when no units were left. 'operator': a person here. 'dashboard': a person
-- at Stripe; we only hear of it.
alter table refunds
  add column origin text not null default 'late' check (origin in ('late', 'operator', 'dashboard')),
  add column requested_by text check (length(requested_by) between 1 and 200),
  add column reason text check (length(reason) between 1 and 500),
  -- Stripe's code or failure_reason; only with state failed.
  add column failure_reason text,
  add constraint refunds_audit_ck check (origin <> 'operator' or (requested_by is not null and reason is not null)),
  add constraint refunds_key_ck check (length(request_key) <= 120);

-- Units that go back on sale once the money is back: only those that the operator named.
create table refund_lines (
  request_key text not null references refunds (request_key),
  drop_product_id uuid not null,
  quantity integer not null check (quantity > 0),
  returned_at timestamptz,
  primary key (request_key, drop_product_id)
);

create function _order_status(p_amount_minor bigint, p_given_back_minor numeric) returns text
language sql immutable
set search_path = pg_catalog, public, pg_temp
as $$
  select case
    when p_given_back_minor >= p_amount_minor then 'refunded'
    when p_given_back_minor > 0 then 'partially_refunded'
    else 'paid'
  end;
$$;
revoke execute on function _order_status(bigint, numeric) from public;
