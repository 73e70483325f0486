-- What operators did: who, why, and how it stood before and after. A row is written before the act and finished once.

create table admin_operations (
  -- Derived from the operator's Idempotency-Key: repeating the request is the same operation.
  operation_id uuid primary key,
  request_fingerprint text not null,
  action text not null check (action in (
    'cancel', 'extend', 'ask_stripe', 'reclaim', 'refund', 'replay_event', 'restock', 'resolve_incident', 'clean_up',
    'reconcile')),
  target_kind text not null check (target_kind in ('checkout', 'event', 'product', 'incident', 'system')),
  -- No foreign key: a request for something that is not there is on record as well.
  target text not null check (length(target) between 1 and 255),
  -- A person by the operators' own opaque name, and the reason in words.
  operator text not null check (length(operator) between 1 and 100),
  reason text not null check (length(reason) between 1 and 500),
  request jsonb not null,
  before jsonb,
  after jsonb,
  outcome text check (outcome in ('done', 'refused')),
  refusal text,
  -- What the act itself found: units released, the payment's status at Stripe.
  result jsonb,
  requested_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  check ((outcome is null) = (finished_at is null)),
  check ((refusal is not null) = coalesce(outcome = 'refused', false))
);
create index admin_operations_requested on admin_operations (requested_at, operation_id);
create index admin_operations_target on admin_operations (target, requested_at);
comment on table admin_operations is 'Who did what, why, before and after. Finished once, never changed, never deleted.';

create function admin_operations_guard() returns trigger
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
begin
  if tg_op = 'DELETE' then
    raise exception using errcode = 'HF005', message = 'an operation on record is never deleted';
  end if;
  if old.outcome is not null
    or (new.operation_id, new.request_fingerprint, new.action, new.target_kind, new.target, new.operator, new.reason,
        new.request, new.before, new.requested_at)
      is distinct from (old.operation_id, old.request_fingerprint, old.action, old.target_kind, old.target, old.operator,
        old.reason, old.request, old.before, old.requested_at) then
    raise exception using errcode = 'HF005', message = 'an operation on record is finished once and never changed';
  end if;
  return new;
end
$$;
create trigger admin_operations_100_guard before update or delete on admin_operations
  for each row execute function admin_operations_guard();

-- One reading of what an operation is about; null where there is no such thing.
create function _operation_snapshot(p_target_kind text, p_target text) returns jsonb
language sql stable
set search_path = pg_catalog, public, pg_temp
as $$
  select case p_target_kind
    when 'checkout' then (
      select jsonb_build_object(
        'status', c.status, 'failure_code', c.failure_code, 'payment_intent_id', c.payment_intent_id,
        'amount_minor', c.amount_minor, 'currency', c.currency, 'expires_at', c.expires_at,
        'units', (
          select coalesce(jsonb_agg(jsonb_build_object(
            'drop_product_id', r.drop_product_id, 'quantity', r.quantity, 'status', r.status,
            'returned_quantity', r.returned_quantity) order by r.drop_product_id), '[]')
          from inventory_reservations r where r.checkout_id = c.id),
        'order', (
          select jsonb_build_object('order_id', o.id, 'status', o.status, 'disputed_at', o.disputed_at)
          from orders o where o.checkout_id = c.id),
        'refunds', (
          select coalesce(jsonb_agg(jsonb_build_object(
            'request_key', f.request_key, 'amount_minor', f.amount_minor, 'state', f.state)
            order by f.created_at, f.request_key), '[]')
          from refunds f where f.checkout_id = c.id))
      from checkouts c where c.id = p_target::uuid)
    when 'product' then (
      select jsonb_build_object('name', p.name, 'total', p.total_inventory, 'available', p.available_inventory)
      from drop_products p where p.id = p_target::uuid)
    when 'incident' then (
      select jsonb_build_object(
        'kind', i.kind, 'checkout_id', i.checkout_id, 'detail', i.detail, 'opened_at', i.opened_at,
        'resolved_at', i.resolved_at)
      from incidents i where i.id = p_target::uuid)
    when 'event' then (
      select jsonb_build_object(
        'type', e.type, 'checkout_id', e.checkout_id, 'outcome', e.outcome, 'reason', e.reason, 'tries', e.tries,
        'forwarded_at', e.forwarded_at, 'quarantined_at', e.quarantined_at)
      from webhook_events e where e.event_id = p_target)
    else '{}'::jsonb
  end;
$$;

create function begin_operation(
  p_operation_id uuid, p_request_fingerprint text, p_action text, p_target_kind text, p_target text, p_operator text,
  p_reason text, p_request jsonb
) returns admin_operations
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_operation admin_operations%rowtype;
begin
  perform _require_read_committed();
  insert into admin_operations
    (operation_id, request_fingerprint, action, target_kind, target, operator, reason, request, before)
  values (
    p_operation_id, p_request_fingerprint, p_action, p_target_kind, p_target, p_operator, p_reason, p_request,
    _operation_snapshot(p_target_kind, p_target))
  on conflict do nothing;
  select * into v_operation from admin_operations where operation_id = p_operation_id;
  if v_operation.request_fingerprint <> p_request_fingerprint then
    raise exception using
      errcode = 'HF009', message = 'this key was used for another operation', detail = p_operation_id::text;
  end if;
  return v_operation;
end
$$;
comment on function begin_operation(uuid, text, text, text, text, text, text, jsonb) is
  'Writes down who wants what and why, with how it stands now. A known operation is answered as it is. HF009: another request.';

create function finish_operation(p_operation_id uuid, p_outcome text, p_refusal text, p_result jsonb)
returns admin_operations
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_operation admin_operations%rowtype;
begin
  perform _require_read_committed();
  update admin_operations o
  set
    outcome = p_outcome, refusal = p_refusal, result = p_result, after = _operation_snapshot(o.target_kind, o.target),
    finished_at = clock_timestamp()
  where o.operation_id = p_operation_id and o.outcome is null;
  select * into strict v_operation from admin_operations where operation_id = p_operation_id;
  return v_operation;
end
$$;
comment on function finish_operation(uuid, text, text, jsonb) is
  'What came of it, with how it stands now; the first answer stays.';

alter table incidents add column resolved_by uuid references admin_operations (operation_id);
comment on column incidents.resolved_by is 'The operation that says who and why; null while open, or when resolved in SQL.';

-- True: resolved now, or by this operation before. False: somebody else did. Null: there is no such incident.
create function resolve_incident(p_incident_id uuid, p_operation_id uuid) returns boolean
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  v_is_resolved boolean;
begin
  perform _require_read_committed();
  update incidents set resolved_at = clock_timestamp(), resolved_by = p_operation_id
  where id = p_incident_id and resolved_at is null;
  select coalesce(resolved_by = p_operation_id, false) into v_is_resolved from incidents
  where id = p_incident_id;
  return v_is_resolved;
end
$$;

-- Gives an event that nobody has judged its tries back, and answers what it is handed on with.
create function replay_event(
  p_event_id text, out checkout_id uuid, out signal jsonb, out outcome text
)
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
begin
  perform _require_read_committed();
  update webhook_events e set tries = 0, quarantined_at = null, driven_at = clock_timestamp()
  where e.event_id = p_event_id and e.outcome is null and e.checkout_id is not null;
  select e.checkout_id, e.signal, e.outcome into checkout_id, signal, outcome
  from webhook_events e where e.event_id = p_event_id;
end
$$;
comment on function replay_event(text) is
  'Clears quarantine and tries. No checkout: nobody judges it. An outcome: it has been judged, and nothing was changed.';

revoke execute on all functions in schema public from public;
