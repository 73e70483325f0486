-- Generated from the migrations by "npm run generate". Do not edit.

-- tables

create table admin_operations (
  operation_id uuid not null,
  request_fingerprint text not null,
  action text not null,
  target_kind text not null,
  target text not null,
  operator text not null,
  reason text not null,
  request jsonb not null,
  before jsonb,
  after jsonb,
  outcome text,
  refusal text,
  result jsonb,
  requested_at timestamp with time zone default clock_timestamp() not null,
  finished_at timestamp with time zone,
  constraint admin_operations_action_check CHECK ((action = ANY (ARRAY['cancel'::text, 'extend'::text, 'ask_stripe'::text, 'reclaim'::text, 'refund'::text, 'replay_event'::text, 'restock'::text, 'resolve_incident'::text, 'clean_up'::text, 'reconcile'::text]))),
  constraint admin_operations_check CHECK (((outcome IS NULL) = (finished_at IS NULL))),
  constraint admin_operations_check1 CHECK (((refusal IS NOT NULL) = COALESCE((outcome = 'refused'::text), false))),
  constraint admin_operations_operator_check CHECK (((length(operator) >= 1) AND (length(operator) <= 100))),
  constraint admin_operations_outcome_check CHECK ((outcome = ANY (ARRAY['done'::text, 'refused'::text]))),
  constraint admin_operations_reason_check CHECK (((length(reason) >= 1) AND (length(reason) <= 500))),
  constraint admin_operations_target_check CHECK (((length(target) >= 1) AND (length(target) <= 255))),
  constraint admin_operations_target_kind_check CHECK ((target_kind = ANY (ARRAY['checkout'::text, 'event'::text, 'product'::text, 'incident'::text, 'system'::text]))),
  constraint admin_operations_pkey PRIMARY KEY (operation_id)
);
comment on table admin_operations is 'Who did what, why, before and after. Finished once, never changed, never deleted.';

create table checkout_extensions (
  request_key text not null,
  checkout_id uuid not null,
  seconds integer not null,
  extended_at timestamp with time zone default clock_timestamp() not null,
  constraint checkout_extensions_request_key_check CHECK (((length(request_key) >= 1) AND (length(request_key) <= 200))),
  constraint checkout_extensions_seconds_check CHECK ((seconds > 0)),
  constraint checkout_extensions_checkout_id_fkey FOREIGN KEY (checkout_id) REFERENCES checkouts(id),
  constraint checkout_extensions_pkey PRIMARY KEY (request_key)
);

create table checkout_lines (
  checkout_id uuid not null,
  drop_product_id uuid not null,
  product_name text not null,
  unit_price_minor bigint not null,
  quantity integer not null,
  constraint checkout_lines_quantity_check CHECK ((quantity > 0)),
  constraint checkout_lines_unit_price_minor_check CHECK ((unit_price_minor >= 0)),
  constraint checkout_lines_pkey PRIMARY KEY (checkout_id, drop_product_id)
) with (autovacuum_vacuum_insert_scale_factor=0.02, autovacuum_analyze_scale_factor=0.02);

create table checkouts (
  id uuid not null,
  request_fingerprint text not null,
  customer_id text,
  status text not null,
  failure_code text,
  failure_detail jsonb,
  amount_minor bigint,
  currency text,
  payment_intent_id text,
  window_seconds integer,
  payment_attempts_max integer,
  opened_at timestamp with time zone default clock_timestamp() not null,
  expires_at timestamp with time zone,
  last_error_code text,
  last_decline_code text,
  closed_at timestamp with time zone,
  updated_at timestamp with time zone default clock_timestamp() not null,
  is_check_only boolean default false not null,
  constraint checkouts_amount_minor_check CHECK ((amount_minor > 0)),
  constraint checkouts_bound_ck CHECK (((payment_intent_id IS NULL) = (status = ANY (ARRAY['opening'::text, 'refused'::text])))),
  constraint checkouts_closed_ck CHECK (((closed_at IS NULL) = (status = ANY (ARRAY['opening'::text, 'awaiting_payment'::text, 'payment_processing'::text])))),
  constraint checkouts_customer_id_check CHECK (((length(customer_id) >= 1) AND (length(customer_id) <= 200))),
  constraint checkouts_payment_attempts_max_check CHECK ((payment_attempts_max > 0)),
  constraint checkouts_priced_ck CHECK (((status = 'refused'::text) OR ((amount_minor IS NOT NULL) AND (currency IS NOT NULL) AND (expires_at IS NOT NULL)))),
  constraint checkouts_refused_ck CHECK (((status <> 'refused'::text) OR (failure_code IS NOT NULL))),
  constraint checkouts_status_check CHECK ((status = ANY (ARRAY['opening'::text, 'awaiting_payment'::text, 'payment_processing'::text, 'confirmed'::text, 'expired'::text, 'canceled'::text, 'payment_failed'::text, 'refused'::text, 'refund_pending'::text, 'refunded'::text]))),
  constraint checkouts_window_seconds_check CHECK ((window_seconds > 0)),
  constraint checkouts_pkey PRIMARY KEY (id)
) with (autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_insert_scale_factor=0.02, autovacuum_analyze_scale_factor=0.02);
comment on column checkouts.is_check_only is 'Opened while reservations were only checked: its units were free then, and are taken once the money is there.';

create table currencies (
  code text not null,
  amount_minor_min bigint not null,
  amount_minor_max bigint default 99999999 not null,
  minor_digits smallint not null,
  constraint currencies_amount_minor_min_check CHECK ((amount_minor_min > 0)),
  constraint currencies_check CHECK ((amount_minor_max >= amount_minor_min)),
  constraint currencies_code_check CHECK ((code ~ '^[a-z]{3}$'::text)),
  constraint currencies_minor_digits_ck CHECK ((minor_digits =
CASE
    WHEN (code = ANY (ARRAY['bif'::text, 'clp'::text, 'djf'::text, 'gnf'::text, 'jpy'::text, 'kmf'::text, 'krw'::text, 'mga'::text, 'pyg'::text, 'rwf'::text, 'vnd'::text, 'vuv'::text, 'xaf'::text, 'xof'::text, 'xpf'::text])) THEN 0
    ELSE 2
END)),
  constraint currencies_supported_ck CHECK ((code <> ALL (ARRAY['ugx'::text, 'isk'::text, 'bhd'::text, 'jod'::text, 'kwd'::text, 'omr'::text, 'tnd'::text]))),
  constraint currencies_pkey PRIMARY KEY (code)
);
comment on column currencies.minor_digits is 'How many digits of an amount are its minor units, at Stripe as in ISO 4217: 1000 is 10.00 where this is 2, and 1000 where it is 0.';

create table drop_products (
  id uuid default gen_random_uuid() not null,
  drop_id uuid not null,
  name text not null,
  unit_price_minor bigint not null,
  max_per_customer integer,
  total_inventory integer not null,
  available_inventory integer not null,
  created_at timestamp with time zone default clock_timestamp() not null,
  constraint drop_products_max_per_customer_check CHECK ((max_per_customer > 0)),
  constraint drop_products_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200))),
  constraint drop_products_stock_ck CHECK (((available_inventory >= 0) AND (available_inventory <= total_inventory))),
  constraint drop_products_unit_price_minor_check CHECK (((unit_price_minor >= 0) AND (unit_price_minor <= 99999999))),
  constraint drop_products_drop_id_fkey FOREIGN KEY (drop_id) REFERENCES drops(id),
  constraint drop_products_pkey PRIMARY KEY (id)
) with (fillfactor=20, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=2000);
comment on column drop_products.available_inventory is 'Units neither held nor confirmed. Reserve takes, release and expire give back, confirm leaves it alone.';

create table drops (
  id uuid default gen_random_uuid() not null,
  name text not null,
  currency text not null,
  opens_at timestamp with time zone not null,
  closes_at timestamp with time zone,
  created_at timestamp with time zone default clock_timestamp() not null,
  constraint drops_check CHECK ((closes_at > opens_at)),
  constraint drops_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200))),
  constraint drops_currency_fkey FOREIGN KEY (currency) REFERENCES currencies(code),
  constraint drops_pkey PRIMARY KEY (id)
);

create table event_polling (
  singleton boolean default true not null,
  seen_until timestamp with time zone,
  pass_until timestamp with time zone,
  pass_after text,
  holder uuid,
  held_until timestamp with time zone default '-infinity'::timestamp with time zone not null,
  due_at timestamp with time zone default '-infinity'::timestamp with time zone not null,
  failing_since timestamp with time zone,
  constraint event_polling_singleton_check CHECK (singleton),
  constraint event_polling_pkey PRIMARY KEY (singleton)
);

create table incidents (
  id uuid default gen_random_uuid() not null,
  checkout_id uuid,
  kind text not null,
  detail jsonb default '{}'::jsonb not null,
  opened_at timestamp with time zone default clock_timestamp() not null,
  resolved_at timestamp with time zone,
  resolved_by uuid,
  constraint incidents_kind_check CHECK ((kind ~ '^[a-z][a-z0-9_]*$'::text)),
  constraint incidents_resolved_by_fkey FOREIGN KEY (resolved_by) REFERENCES admin_operations(operation_id),
  constraint incidents_pkey PRIMARY KEY (id)
);
comment on column incidents.resolved_by is 'The operation that says who and why; null while open, or when resolved in SQL.';

create table installation (
  singleton boolean default true not null,
  holdfast_env text not null,
  stripe_account text,
  temporal_namespace text,
  created_at timestamp with time zone default clock_timestamp() not null,
  constraint installation_holdfast_env_check CHECK ((holdfast_env ~ '^[a-z0-9_]{8,64}$'::text)),
  constraint installation_singleton_check CHECK (singleton),
  constraint installation_pkey PRIMARY KEY (singleton)
);
comment on table installation is 'Identity of this installation; everything sent to Stripe carries holdfast_env.';

create table inventory_journal (
  id bigint generated always as identity not null,
  drop_product_id uuid not null,
  kind text not null,
  units bigint not null,
  reservations integer default 0 not null,
  written_at timestamp with time zone default clock_timestamp() not null,
  constraint inventory_journal_check CHECK (((units > 0) OR ((kind = 'total'::text) AND (units <> 0)))),
  constraint inventory_journal_kind_check CHECK ((kind = ANY (ARRAY['total'::text, 'reserve'::text, 'release'::text, 'expire'::text, 'reclaim'::text, 'confirm'::text, 'return'::text]))),
  constraint inventory_journal_pkey PRIMARY KEY (id)
) with (autovacuum_vacuum_insert_scale_factor=0.02, autovacuum_analyze_scale_factor=0.02);

create table inventory_reservations (
  id uuid default uuidv7() not null,
  drop_product_id uuid not null,
  quantity integer not null,
  payment_intent_id text not null,
  expires_at timestamp with time zone not null,
  created_at timestamp with time zone default clock_timestamp() not null,
  status text default 'held'::text not null,
  checkout_id uuid,
  reclaim_after timestamp with time zone not null,
  returned_quantity integer default 0 not null,
  constraint inventory_reservations_payment_intent_id_check CHECK (((length(payment_intent_id) >= 1) AND (length(payment_intent_id) <= 255))),
  constraint inventory_reservations_quantity_check CHECK ((quantity > 0)),
  constraint inventory_reservations_returned_ck CHECK ((((returned_quantity >= 0) AND (returned_quantity <= quantity)) AND ((returned_quantity = 0) OR (status = 'confirmed'::text)))),
  constraint inventory_reservations_status_check CHECK ((status = ANY (ARRAY['held'::text, 'confirmed'::text, 'released'::text, 'expired'::text]))),
  constraint inventory_reservations_drop_product_id_fkey FOREIGN KEY (drop_product_id) REFERENCES drop_products(id) ON DELETE CASCADE,
  constraint inventory_reservations_pkey PRIMARY KEY (id)
) with (autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_insert_scale_factor=0.02, autovacuum_analyze_scale_factor=0.02);

create table inventory_settings (
  singleton boolean default true not null,
  open_checkouts_per_customer_max integer default 10,
  constraint inventory_settings_open_checkouts_per_customer_max_check CHECK ((open_checkouts_per_customer_max > 0)),
  constraint inventory_settings_singleton_check CHECK (singleton),
  constraint inventory_settings_pkey PRIMARY KEY (singleton)
);
comment on table inventory_settings is 'One row. An update holds from the next open on.';

create table maintenance_runs (
  id bigint generated always as identity not null,
  trigger text not null,
  finished_at timestamp with time zone default clock_timestamp() not null,
  duration_ms integer not null,
  released integer,
  purged integer,
  more boolean default false not null,
  drift integer,
  constraint maintenance_runs_duration_ms_check CHECK ((duration_ms >= 0)),
  constraint maintenance_runs_trigger_check CHECK ((trigger = ANY (ARRAY['schedule'::text, 'route'::text]))),
  constraint maintenance_runs_pkey PRIMARY KEY (id)
);

create table order_items (
  order_id uuid not null,
  drop_product_id uuid not null,
  product_name text not null,
  unit_price_minor bigint not null,
  quantity integer not null,
  constraint order_items_quantity_check CHECK ((quantity > 0)),
  constraint order_items_unit_price_minor_check CHECK ((unit_price_minor >= 0)),
  constraint order_items_order_id_fkey FOREIGN KEY (order_id) REFERENCES orders(id),
  constraint order_items_pkey PRIMARY KEY (order_id, drop_product_id)
);

create table orders (
  id uuid default gen_random_uuid() not null,
  checkout_id uuid not null,
  customer_id text,
  payment_intent_id text not null,
  amount_minor bigint not null,
  currency text not null,
  status text default 'paid'::text not null,
  disputed_at timestamp with time zone,
  created_at timestamp with time zone default clock_timestamp() not null,
  constraint orders_amount_minor_check CHECK ((amount_minor > 0)),
  constraint orders_status_check CHECK ((status = ANY (ARRAY['paid'::text, 'partially_refunded'::text, 'refunded'::text]))),
  constraint orders_checkout_id_fkey FOREIGN KEY (checkout_id) REFERENCES checkouts(id),
  constraint orders_pkey PRIMARY KEY (id),
  constraint orders_checkout_id_key UNIQUE (checkout_id),
  constraint orders_payment_intent_id_key UNIQUE (payment_intent_id)
);

create table payment_attempts (
  checkout_id uuid not null,
  attempt_id text not null,
  event_id text not null,
  error_code text,
  decline_code text,
  advice_code text,
  recorded_at timestamp with time zone default clock_timestamp() not null,
  constraint payment_attempts_checkout_id_fkey FOREIGN KEY (checkout_id) REFERENCES checkouts(id),
  constraint payment_attempts_pkey PRIMARY KEY (checkout_id, attempt_id)
);

create table reconciliation_runs (
  id uuid default gen_random_uuid() not null,
  finished_at timestamp with time zone default clock_timestamp() not null,
  checked integer not null,
  healed integer not null,
  orphans_canceled integer not null,
  incidents integer not null,
  events_taken integer default 0 not null,
  constraint reconciliation_runs_checked_check CHECK ((checked >= 0)),
  constraint reconciliation_runs_events_taken_check CHECK ((events_taken >= 0)),
  constraint reconciliation_runs_healed_check CHECK ((healed >= 0)),
  constraint reconciliation_runs_incidents_check CHECK ((incidents >= 0)),
  constraint reconciliation_runs_orphans_canceled_check CHECK ((orphans_canceled >= 0)),
  constraint reconciliation_runs_pkey PRIMARY KEY (id)
);

create table refund_lines (
  request_key text not null,
  drop_product_id uuid not null,
  quantity integer not null,
  returned_at timestamp with time zone,
  constraint refund_lines_quantity_check CHECK ((quantity > 0)),
  constraint refund_lines_request_key_fkey FOREIGN KEY (request_key) REFERENCES refunds(request_key),
  constraint refund_lines_pkey PRIMARY KEY (request_key, drop_product_id)
);

create table refunds (
  request_key text not null,
  checkout_id uuid not null,
  payment_intent_id text not null,
  n integer default 0 not null,
  amount_minor bigint not null,
  currency text not null,
  state text default 'pending'::text not null,
  stripe_refund_id text,
  created_at timestamp with time zone default clock_timestamp() not null,
  updated_at timestamp with time zone default clock_timestamp() not null,
  origin text default 'late'::text not null,
  requested_by text,
  reason text,
  failure_reason text,
  constraint refunds_amount_minor_check CHECK ((amount_minor > 0)),
  constraint refunds_audit_ck CHECK (((origin <> 'operator'::text) OR ((requested_by IS NOT NULL) AND (reason IS NOT NULL)))),
  constraint refunds_key_ck CHECK ((length(request_key) <= 120)),
  constraint refunds_n_check CHECK ((n >= 0)),
  constraint refunds_origin_check CHECK ((origin = ANY (ARRAY['late'::text, 'operator'::text, 'dashboard'::text]))),
  constraint refunds_reason_check CHECK (((length(reason) >= 1) AND (length(reason) <= 500))),
  constraint refunds_requested_by_check CHECK (((length(requested_by) >= 1) AND (length(requested_by) <= 200))),
  constraint refunds_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'succeeded'::text, 'failed'::text]))),
  constraint refunds_checkout_id_fkey FOREIGN KEY (checkout_id) REFERENCES checkouts(id),
  constraint refunds_pkey PRIMARY KEY (request_key),
  constraint refunds_stripe_refund_id_key UNIQUE (stripe_refund_id)
);

create table schema_migrations (
  name text not null,
  checksum text not null,
  applied_at timestamp with time zone default clock_timestamp() not null,
  constraint schema_migrations_pkey PRIMARY KEY (name)
);

create table stock_adjustments (
  request_key text not null,
  drop_product_id uuid not null,
  units integer not null,
  total_after integer not null,
  who text not null,
  why text not null,
  adjusted_at timestamp with time zone default clock_timestamp() not null,
  constraint stock_adjustments_request_key_check CHECK (((length(request_key) >= 1) AND (length(request_key) <= 200))),
  constraint stock_adjustments_units_check CHECK ((units <> 0)),
  constraint stock_adjustments_who_check CHECK (((length(who) >= 1) AND (length(who) <= 200))),
  constraint stock_adjustments_why_check CHECK (((length(why) >= 1) AND (length(why) <= 1000))),
  constraint stock_adjustments_pkey PRIMARY KEY (request_key)
);
comment on table stock_adjustments is 'Who changed total_inventory, by how much, and why. Never changed, never purged.';

create table stripe_pace (
  call text not null,
  next_at timestamp with time zone not null,
  constraint stripe_pace_pkey PRIMARY KEY (call)
) with (fillfactor=10, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=2000);

create table triple_check_runs (
  id uuid not null,
  finished_at timestamp with time zone default clock_timestamp() not null,
  closed_from timestamp with time zone not null,
  checked integer not null,
  healed integer not null,
  findings integer not null,
  constraint triple_check_runs_checked_check CHECK ((checked >= 0)),
  constraint triple_check_runs_findings_check CHECK ((findings >= 0)),
  constraint triple_check_runs_healed_check CHECK ((healed >= 0)),
  constraint triple_check_runs_pkey PRIMARY KEY (id)
);

create table webhook_events (
  event_id text not null,
  type text not null,
  livemode boolean not null,
  stripe_created_at timestamp with time zone not null,
  payment_intent_id text,
  checkout_id uuid,
  payload jsonb not null,
  received_at timestamp with time zone default clock_timestamp() not null,
  forwarded_at timestamp with time zone,
  outcome text,
  reason text,
  judged_at timestamp with time zone,
  signal jsonb,
  tries integer default 0 not null,
  driven_at timestamp with time zone,
  quarantined_at timestamp with time zone,
  constraint webhook_events_check CHECK (((outcome IS NULL) = (judged_at IS NULL))),
  constraint webhook_events_outcome_check CHECK ((outcome = ANY (ARRAY['ignored'::text, 'no_effect'::text, 'confirmed'::text, 'refund_pending'::text, 'released'::text, 'attempt'::text, 'processing'::text, 'recorded'::text]))),
  constraint webhook_events_tries_check CHECK ((tries >= 0)),
  constraint webhook_events_pkey PRIMARY KEY (event_id)
);

-- indexes

CREATE INDEX admin_operations_requested ON public.admin_operations USING btree (requested_at, operation_id);

CREATE INDEX admin_operations_target ON public.admin_operations USING btree (target, requested_at);

CREATE INDEX checkout_extensions_checkout ON public.checkout_extensions USING btree (checkout_id);

CREATE INDEX checkouts_closed ON public.checkouts USING btree (closed_at) WHERE (closed_at IS NOT NULL);

CREATE INDEX checkouts_customer ON public.checkouts USING btree (customer_id) WHERE (customer_id IS NOT NULL);

CREATE UNIQUE INDEX checkouts_payment_intent_id_key ON public.checkouts USING btree (payment_intent_id) WHERE (payment_intent_id IS NOT NULL);

CREATE INDEX checkouts_unfinished ON public.checkouts USING btree (id) WHERE ((closed_at IS NULL) OR (status = 'refund_pending'::text));

CREATE INDEX drop_products_drop ON public.drop_products USING btree (drop_id);

CREATE INDEX idx_inventory_reservations_drop_product ON public.inventory_reservations USING btree (drop_product_id);

CREATE INDEX idx_inventory_reservations_expires_at ON public.inventory_reservations USING btree (expires_at);

CREATE UNIQUE INDEX idx_inventory_reservations_payment_intent ON public.inventory_reservations USING btree (payment_intent_id, drop_product_id);

CREATE UNIQUE INDEX incidents_open ON public.incidents USING btree (checkout_id, kind) NULLS NOT DISTINCT WHERE (resolved_at IS NULL);

CREATE INDEX inventory_journal_product ON public.inventory_journal USING btree (drop_product_id);

CREATE INDEX inventory_reservations_checkout ON public.inventory_reservations USING btree (checkout_id) WHERE (checkout_id IS NOT NULL);

CREATE INDEX inventory_reservations_due ON public.inventory_reservations USING btree (reclaim_after) WHERE ("left"(status, 4) = 'held'::text);

CREATE INDEX inventory_reservations_due_product ON public.inventory_reservations USING btree (drop_product_id, reclaim_after) WHERE ("left"(status, 4) = 'held'::text);

CREATE INDEX inventory_reservations_ended ON public.inventory_reservations USING btree (expires_at) WHERE (status = ANY (ARRAY['released'::text, 'expired'::text]));

CREATE INDEX maintenance_runs_finished ON public.maintenance_runs USING btree (finished_at);

CREATE INDEX reconciliation_runs_finished ON public.reconciliation_runs USING btree (finished_at);

CREATE INDEX refunds_checkout ON public.refunds USING btree (checkout_id);

CREATE INDEX refunds_pending ON public.refunds USING btree (updated_at) WHERE (state = 'pending'::text);

CREATE INDEX stock_adjustments_product ON public.stock_adjustments USING btree (drop_product_id);

CREATE INDEX triple_check_runs_finished ON public.triple_check_runs USING btree (finished_at);

CREATE INDEX webhook_events_due ON public.webhook_events USING btree (COALESCE(driven_at, received_at)) WHERE ((outcome IS NULL) AND (quarantined_at IS NULL));

CREATE INDEX webhook_events_received ON public.webhook_events USING btree (received_at);

CREATE INDEX webhook_events_unjudged ON public.webhook_events USING btree (checkout_id) WHERE (outcome IS NULL);

-- views

create view checkout_details as
 SELECT id AS checkout_id,
    request_fingerprint,
    customer_id,
    status,
    failure_code,
    failure_detail,
    amount_minor,
    currency,
    payment_intent_id,
    opened_at,
    expires_at,
    closed_at,
        CASE
            WHEN checkout_is_open(status) THEN (GREATEST((0)::numeric, ceil(EXTRACT(epoch FROM (expires_at - clock_timestamp())))))::integer
            ELSE 0
        END AS seconds_left,
    ((status = 'awaiting_payment'::text) AND (expires_at > clock_timestamp())) AS is_payable,
    last_error_code,
    last_decline_code,
    ( SELECT (count(*))::integer AS count
           FROM payment_attempts a
          WHERE (a.checkout_id = c.id)) AS attempts,
    ( SELECT o.id
           FROM orders o
          WHERE (o.checkout_id = c.id)) AS order_id,
    ( SELECT jsonb_build_object('state', f.state, 'amount_minor', f.amount_minor) AS jsonb_build_object
           FROM refunds f
          WHERE (f.checkout_id = c.id)
          ORDER BY f.created_at DESC
         LIMIT 1) AS refund,
    ARRAY( SELECT r.id
           FROM inventory_reservations r
          WHERE (r.checkout_id = c.id)
          ORDER BY r.drop_product_id) AS reservation_ids,
    ( SELECT COALESCE(jsonb_agg(jsonb_build_object('drop_product_id', l.drop_product_id, 'product_name', l.product_name, 'unit_price_minor', l.unit_price_minor, 'quantity', l.quantity) ORDER BY l.drop_product_id), '[]'::jsonb) AS "coalesce"
           FROM checkout_lines l
          WHERE (l.checkout_id = c.id)) AS lines
   FROM checkouts c;
comment on view checkout_details is NULL;

create view checkout_open_answers as
 SELECT id AS checkout_id,
        CASE
            WHEN (closed_at IS NULL) THEN 'opened'::text
            ELSE 'closed'::text
        END AS outcome,
    status,
    failure_code,
        CASE
            WHEN (closed_at IS NOT NULL) THEN ( SELECT o.id
               FROM orders o
              WHERE (o.checkout_id = c.id))
            ELSE NULL::uuid
        END AS order_id,
    amount_minor,
    currency,
    payment_intent_id,
    (floor(EXTRACT(epoch FROM opened_at)))::bigint AS opened_at_unix_seconds,
    ARRAY( SELECT r.id
           FROM inventory_reservations r
          WHERE (r.checkout_id = c.id)
          ORDER BY r.drop_product_id) AS reservation_ids
   FROM checkouts c;
comment on view checkout_open_answers is NULL;

create view inventory_drift as
 WITH reserved AS (
         SELECT inventory_reservations.drop_product_id,
            COALESCE(sum(inventory_reservations.quantity) FILTER (WHERE (inventory_reservations.status = 'held'::text)), (0)::bigint) AS held,
            COALESCE(sum((inventory_reservations.quantity - inventory_reservations.returned_quantity)) FILTER (WHERE (inventory_reservations.status = 'confirmed'::text)), (0)::bigint) AS confirmed
           FROM inventory_reservations
          GROUP BY inventory_reservations.drop_product_id
        ), journalled AS (
         SELECT inventory_journal.drop_product_id,
            COALESCE(sum(inventory_journal.units) FILTER (WHERE (inventory_journal.kind = 'total'::text)), (0)::numeric) AS total,
            COALESCE(sum(
                CASE
                    WHEN (inventory_journal.kind = ANY (ARRAY['reserve'::text, 'reclaim'::text])) THEN (- inventory_journal.units)
                    WHEN (inventory_journal.kind = 'confirm'::text) THEN (0)::bigint
                    ELSE inventory_journal.units
                END), (0)::numeric) AS available,
            COALESCE(sum(
                CASE inventory_journal.kind
                    WHEN 'reserve'::text THEN inventory_journal.units
                    WHEN 'release'::text THEN (- inventory_journal.units)
                    WHEN 'expire'::text THEN (- inventory_journal.units)
                    WHEN 'confirm'::text THEN (- inventory_journal.units)
                    ELSE (0)::bigint
                END), (0)::numeric) AS held,
            COALESCE(sum(
                CASE
                    WHEN (inventory_journal.kind = ANY (ARRAY['confirm'::text, 'reclaim'::text])) THEN inventory_journal.units
                    WHEN (inventory_journal.kind = 'return'::text) THEN (- inventory_journal.units)
                    ELSE (0)::bigint
                END), (0)::numeric) AS confirmed
           FROM inventory_journal
          GROUP BY inventory_journal.drop_product_id
        ), counted AS (
         SELECT p.id,
            p.total_inventory,
            p.available_inventory,
            COALESCE(r.held, (0)::bigint) AS held,
            COALESCE(r.confirmed, (0)::bigint) AS confirmed,
            jsonb_build_object('total', p.total_inventory, 'available', p.available_inventory, 'held', COALESCE(r.held, (0)::bigint), 'confirmed', COALESCE(r.confirmed, (0)::bigint), 'journal', (to_jsonb(j.*) - 'drop_product_id'::text)) AS numbers,
            j.total AS journal_total,
            j.available AS journal_available,
            j.held AS journal_held,
            j.confirmed AS journal_confirmed
           FROM ((drop_products p
             LEFT JOIN reserved r ON ((r.drop_product_id = p.id)))
             LEFT JOIN journalled j ON ((j.drop_product_id = p.id)))
        ), refunded AS (
         SELECT o.id,
            o.checkout_id,
            o.status,
            o.amount_minor,
            COALESCE(sum(f.amount_minor) FILTER (WHERE (f.state = 'succeeded'::text)), (0)::numeric) AS given_back,
            COALESCE(sum(f.amount_minor) FILTER (WHERE (f.state <> 'failed'::text)), (0)::numeric) AS decided
           FROM (orders o
             LEFT JOIN refunds f ON ((f.checkout_id = o.checkout_id)))
          GROUP BY o.id
        )
 SELECT 'units_do_not_add_up'::text AS kind,
    counted.id AS drop_product_id,
    NULL::uuid AS checkout_id,
    counted.numbers AS detail
   FROM counted
  WHERE (((counted.available_inventory + counted.held) + counted.confirmed) <> counted.total_inventory)
UNION ALL
 SELECT 'journal_does_not_explain'::text AS kind,
    counted.id AS drop_product_id,
    NULL::uuid AS checkout_id,
    counted.numbers AS detail
   FROM counted
  WHERE (((((counted.total_inventory)::numeric IS DISTINCT FROM counted.journal_total) OR ((counted.available_inventory)::numeric IS DISTINCT FROM counted.journal_available)) OR ((counted.held)::numeric IS DISTINCT FROM counted.journal_held)) OR ((counted.confirmed)::numeric IS DISTINCT FROM counted.journal_confirmed))
UNION ALL
 SELECT 'held_by_closed_checkout'::text AS kind,
    r.drop_product_id,
    c.id AS checkout_id,
    jsonb_build_object('status', c.status) AS detail
   FROM (inventory_reservations r
     JOIN checkouts c ON ((c.id = r.checkout_id)))
  WHERE ((r.status = 'held'::text) AND (NOT checkout_is_open(c.status)))
UNION ALL
 SELECT 'confirmed_without_order'::text AS kind,
    r.drop_product_id,
    c.id AS checkout_id,
    jsonb_build_object('status', c.status) AS detail
   FROM ((inventory_reservations r
     JOIN checkouts c ON ((c.id = r.checkout_id)))
     LEFT JOIN orders o ON ((o.checkout_id = c.id)))
  WHERE ((r.status = 'confirmed'::text) AND ((o.id IS NULL) OR (c.status <> 'confirmed'::text)))
UNION ALL
 SELECT 'order_without_units'::text AS kind,
    l.drop_product_id,
    c.id AS checkout_id,
    jsonb_build_object('quantity', l.quantity) AS detail
   FROM (checkouts c
     JOIN checkout_lines l ON ((l.checkout_id = c.id)))
  WHERE ((c.status = 'confirmed'::text) AND (NOT (EXISTS ( SELECT 1
           FROM inventory_reservations r
          WHERE ((r.checkout_id = c.id) AND (r.drop_product_id = l.drop_product_id) AND (r.status = 'confirmed'::text) AND (r.quantity = l.quantity))))))
UNION ALL
 SELECT 'split_deadline'::text AS kind,
    NULL::uuid AS drop_product_id,
    NULL::uuid AS checkout_id,
    jsonb_build_object('payment_intent_id', inventory_reservations.payment_intent_id) AS detail
   FROM inventory_reservations
  WHERE (inventory_reservations.status = 'held'::text)
  GROUP BY inventory_reservations.payment_intent_id
 HAVING (count(DISTINCT inventory_reservations.expires_at) > 1)
UNION ALL
 SELECT 'refund_without_decision'::text AS kind,
    NULL::uuid AS drop_product_id,
    c.id AS checkout_id,
    jsonb_build_object('status', c.status) AS detail
   FROM checkouts c
  WHERE ((c.status = ANY (ARRAY['refund_pending'::text, 'refunded'::text])) AND (NOT (EXISTS ( SELECT 1
           FROM refunds f
          WHERE (f.checkout_id = c.id)))))
UNION ALL
 SELECT 'confirmed_checkout_without_order'::text AS kind,
    NULL::uuid AS drop_product_id,
    c.id AS checkout_id,
    jsonb_build_object('status', c.status) AS detail
   FROM checkouts c
  WHERE ((c.status = 'confirmed'::text) AND (NOT (EXISTS ( SELECT 1
           FROM orders o
          WHERE (o.checkout_id = c.id)))))
UNION ALL
 SELECT 'order_of_another_amount'::text AS kind,
    NULL::uuid AS drop_product_id,
    c.id AS checkout_id,
    jsonb_build_object('order', o.amount_minor, 'checkout', c.amount_minor, 'status', c.status) AS detail
   FROM (orders o
     JOIN checkouts c ON ((c.id = o.checkout_id)))
  WHERE ((c.status <> 'confirmed'::text) OR (o.payment_intent_id IS DISTINCT FROM c.payment_intent_id) OR (o.amount_minor IS DISTINCT FROM c.amount_minor) OR ((o.amount_minor)::numeric IS DISTINCT FROM ( SELECT sum((i.unit_price_minor * i.quantity)) AS sum
           FROM order_items i
          WHERE (i.order_id = o.id))))
UNION ALL
 SELECT 'lines_of_another_amount'::text AS kind,
    NULL::uuid AS drop_product_id,
    COALESCE(c.id, l.checkout_id) AS checkout_id,
    jsonb_build_object('amount_minor', c.amount_minor, 'lines', l.amount_minor) AS detail
   FROM (checkouts c
     FULL JOIN ( SELECT checkout_lines.checkout_id,
            sum((checkout_lines.unit_price_minor * checkout_lines.quantity)) AS amount_minor
           FROM checkout_lines
          GROUP BY checkout_lines.checkout_id) l ON ((l.checkout_id = c.id)))
  WHERE ((c.amount_minor)::numeric IS DISTINCT FROM l.amount_minor)
UNION ALL
 SELECT 'reservation_of_no_line'::text AS kind,
    r.drop_product_id,
    r.checkout_id,
    jsonb_build_object('quantity', r.quantity) AS detail
   FROM (inventory_reservations r
     LEFT JOIN checkout_lines l ON (((l.checkout_id = r.checkout_id) AND (l.drop_product_id = r.drop_product_id))))
  WHERE ((r.checkout_id IS NOT NULL) AND (l.quantity IS DISTINCT FROM r.quantity))
UNION ALL
 SELECT 'reservation_of_another_payment'::text AS kind,
    r.drop_product_id,
    c.id AS checkout_id,
    jsonb_build_object('reservation', r.payment_intent_id, 'checkout', c.payment_intent_id) AS detail
   FROM (inventory_reservations r
     JOIN checkouts c ON ((c.id = r.checkout_id)))
  WHERE ((r.status = ANY (ARRAY['held'::text, 'confirmed'::text])) AND (r.payment_intent_id <> COALESCE(c.payment_intent_id, ('checkout:'::text || c.id))))
UNION ALL
 SELECT 'order_status_without_refunds'::text AS kind,
    NULL::uuid AS drop_product_id,
    refunded.checkout_id,
    jsonb_build_object('status', refunded.status, 'given_back', refunded.given_back) AS detail
   FROM refunded
  WHERE (refunded.status <> _order_status(refunded.amount_minor, refunded.given_back))
UNION ALL
 SELECT 'more_refunded_than_paid'::text AS kind,
    NULL::uuid AS drop_product_id,
    refunded.checkout_id,
    jsonb_build_object('decided', refunded.decided) AS detail
   FROM refunded
  WHERE (refunded.decided > (refunded.amount_minor)::numeric);
comment on view inventory_drift is 'Empty whenever nothing is broken. Read it in one statement: it compares many rows.';

create view maintenance_health as
 WITH last_day AS (
         SELECT maintenance_runs.id,
            maintenance_runs.trigger,
            maintenance_runs.finished_at,
            maintenance_runs.duration_ms,
            maintenance_runs.released,
            maintenance_runs.purged,
            maintenance_runs.more,
            maintenance_runs.drift
           FROM maintenance_runs
          WHERE (maintenance_runs.finished_at > (now() - '24:00:00'::interval))
        ), last AS (
         SELECT ( SELECT max(maintenance_runs.finished_at) AS max
                   FROM maintenance_runs
                  WHERE (maintenance_runs.released IS NOT NULL)) AS success_at,
            ( SELECT maintenance_runs.drift
                   FROM maintenance_runs
                  WHERE (maintenance_runs.drift IS NOT NULL)
                  ORDER BY maintenance_runs.finished_at DESC
                 LIMIT 1) AS drift
        )
 SELECT success_at AS last_success_at,
    ( SELECT (count(*))::integer AS count
           FROM last_day) AS runs_24h,
    ( SELECT (count(*))::integer AS count
           FROM last_day
          WHERE (last_day.released IS NOT NULL)) AS successes_24h,
    ((success_at IS NULL) OR (success_at < (clock_timestamp() - '00:03:00'::interval))) AS is_overdue,
    drift
   FROM last;
comment on view maintenance_health is 'One row. Overdue: no cleanup succeeded for 180 s (it is due every 60 s).';

create view reclaimable_reservations as
 SELECT id,
    drop_product_id,
    quantity,
    payment_intent_id,
    expires_at,
    created_at,
    status,
    checkout_id,
    reclaim_after
   FROM inventory_reservations r
  WHERE (("left"(status, 4) = 'held'::text) AND (NOT (EXISTS ( SELECT 1
           FROM webhook_events e
          WHERE ((e.checkout_id = r.checkout_id) AND (e.outcome IS NULL) AND (e.type = ANY (ARRAY['payment_intent.succeeded'::text, 'payment_intent.amount_capturable_updated'::text, 'payment_intent.processing'::text])))))));
comment on view reclaimable_reservations is NULL;

-- functions

CREATE OR REPLACE FUNCTION public._batch_products(p_line_product_ids uuid[], p_line_units integer[], p_now timestamp with time zone, OUT ids uuid[], OUT names text[], OUT prices_minor bigint[], OUT currencies text[], OUT amounts_minor_min bigint[], OUT amounts_minor_max bigint[], OUT limits integer[], OUT free integer[])
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
declare
  v_wanted bigint[];
begin
  select
    array_agg(p.id order by p.id), array_agg(p.name order by p.id),
    array_agg(
      case when d.opens_at <= p_now and p_now < coalesce(d.closes_at, 'infinity') then p.unit_price_minor end
      order by p.id),
    array_agg(d.currency order by p.id), array_agg(c.amount_minor_min order by p.id),
    array_agg(c.amount_minor_max order by p.id), array_agg(p.max_per_customer order by p.id),
    array_agg(want.units order by p.id)
  into ids, names, prices_minor, currencies, amounts_minor_min, amounts_minor_max, limits, v_wanted
  from (
    select id, sum(units) as units from unnest(p_line_product_ids, p_line_units) as line (id, units) group by id
  ) as want
  join drop_products p on p.id = want.id
  join drops d on d.id = p.drop_id
  join currencies c on c.code = d.currency;
  free := _free_units(ids, v_wanted, p_now);
end
$function$;
comment on function _batch_products(p_line_product_ids uuid[], p_line_units integer[], p_now timestamp with time zone, OUT ids uuid[], OUT names text[], OUT prices_minor bigint[], OUT currencies text[], OUT amounts_minor_min bigint[], OUT amounts_minor_max bigint[], OUT limits integer[], OUT free integer[]) is NULL;

CREATE OR REPLACE FUNCTION public._begin_bare(p_payment_intent_id text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
begin
  perform _require_read_committed();
  if coalesce(length(p_payment_intent_id), 0) not between 1 and 255 then
    raise exception using errcode = '22023', message = 'p_payment_intent_id must have 1 to 255 characters';
  end if;
  perform _lock_payment_intent(p_payment_intent_id);
  perform _require_bare(p_payment_intent_id);
  -- Lock order: own rows before any product.
  perform 1 from inventory_reservations where payment_intent_id = p_payment_intent_id order by id for update;
end
$function$;
comment on function _begin_bare(p_payment_intent_id text) is NULL;

CREATE OR REPLACE FUNCTION public._begin_checkout(p_checkout_id uuid)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
begin
  perform _require_read_committed();
  perform _lock_checkout(p_checkout_id);
  perform 1 from inventory_reservations where checkout_id = p_checkout_id order by id for update;
end
$function$;
comment on function _begin_checkout(p_checkout_id uuid) is NULL;

CREATE OR REPLACE FUNCTION public._begin_settlement(p_checkout_id uuid)
 RETURNS checkouts
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
declare
  v_checkout checkouts%rowtype;
begin
  perform _begin_checkout(p_checkout_id);
  v_checkout := _get_checkout(p_checkout_id);
  if v_checkout.status = 'opening' then
    raise exception using
      errcode = 'HF007', message = 'this checkout has no PaymentIntent bound', detail = v_checkout.status;
  end if;
  return v_checkout;
end
$function$;
comment on function _begin_settlement(p_checkout_id uuid) is NULL;

CREATE OR REPLACE FUNCTION public._claim_batch(p_customer_ids text[], p_line_owners integer[], p_line_product_ids uuid[], p_line_units integer[], p_now timestamp with time zone, OUT amounts_minor bigint[], OUT currencies text[], OUT failure_codes text[], OUT failure_details jsonb[])
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
declare
  v_open_max integer := (select open_checkouts_per_customer_max from inventory_settings);
  v_product record;
  v_customer record;
  -- By product.
  v_ids uuid[];
  v_prices bigint[];
  v_currencies text[];
  v_limits integer[];
  v_free integer[];
  v_used integer[];
  -- By line.
  v_products integer[];
  v_pairs integer[];
  v_taken integer[];
  -- What this batch has given so far: units by pair, checkouts by customer.
  v_given integer[] := array_fill(0, array[cardinality(p_line_owners)]);
  v_opened integer[] := v_given;
  v_from integer := 1;
  v_to integer;
  v_at integer;
  v_customer_number integer;
  v_open integer;
  v_amount bigint;
  v_code text;
begin
  select * into v_product from _batch_products(p_line_product_ids, p_line_units, p_now);
  v_ids := v_product.ids;
  v_prices := v_product.prices_minor;
  v_currencies := v_product.currencies;
  v_limits := v_product.limits;
  v_free := v_product.free;
  v_used := array_fill(0, array[cardinality(v_ids)]);
  v_products := array(select array_position(v_ids, id) from unnest(p_line_product_ids) with ordinality as line (id, n) order by n);
  select * into v_customer from _number_customers(p_customer_ids, p_line_owners, p_line_product_ids, p_now);
  v_pairs := v_customer.pairs;
  v_taken := v_customer.taken;
  amounts_minor := array_fill(null::bigint, array[cardinality(p_customer_ids)]);
  currencies := array_fill(null::text, array[cardinality(p_customer_ids)]);
  failure_codes := currencies;
  failure_details := array_fill(null::jsonb, array[cardinality(p_customer_ids)]);

  while v_from <= cardinality(p_line_owners) loop
    v_to := v_from;
    v_amount := 0;
    loop
      v_amount := v_amount + v_prices[v_products[v_to]] * p_line_units[v_to];
      if v_currencies[v_products[v_to]] <> v_currencies[v_products[v_from]] then
        v_amount := null;
      end if;
      exit when p_line_owners[v_to + 1] is distinct from p_line_owners[v_from];
      v_to := v_to + 1;
    end loop;
    if v_amount between v_product.amounts_minor_min[v_products[v_from]]
      and v_product.amounts_minor_max[v_products[v_from]]
    then
      v_code := null;
      v_customer_number := v_customer.customers[v_from];
      v_open := coalesce(v_customer.open_checkouts[v_from] + v_opened[v_customer_number], 0);
      if v_open >= v_open_max then
        v_code := 'too_many_open_checkouts';
      end if;
      v_at := v_from;
      while v_code is null and v_at <= v_to loop
        if p_line_units[v_at] + v_taken[v_at] + coalesce(v_given[v_pairs[v_at]], 0) > v_limits[v_products[v_at]] then
          v_code := 'purchase_limit_reached';
        else
          v_at := v_at + 1;
        end if;
      end loop;
      if v_code is null then
        v_at := v_from;
      end if;
      while v_code is null and v_at <= v_to loop
        if p_line_units[v_at] > v_free[v_products[v_at]] then
          v_code := 'insufficient_inventory';
        else
          v_at := v_at + 1;
        end if;
      end loop;
      if v_code is null then
        for i in v_from .. v_to loop
          v_free[v_products[i]] := v_free[v_products[i]] - p_line_units[i];
          v_used[v_products[i]] := v_used[v_products[i]] + p_line_units[i];
          if v_pairs[i] is not null then
            v_given[v_pairs[i]] := v_given[v_pairs[i]] + p_line_units[i];
          end if;
        end loop;
        if v_customer_number is not null then
          v_opened[v_customer_number] := v_opened[v_customer_number] + 1;
        end if;
        amounts_minor[p_line_owners[v_from]] := v_amount;
        currencies[p_line_owners[v_from]] := v_currencies[v_products[v_from]];
      else
        failure_codes[p_line_owners[v_from]] := v_code;
        failure_details[p_line_owners[v_from]] := case v_code
          when 'too_many_open_checkouts' then jsonb_build_object(
            'open_checkouts', v_open, 'open_checkouts_max', v_open_max)
          when 'purchase_limit_reached' then jsonb_build_object(
            'drop_product_id', p_line_product_ids[v_at], 'product_name', v_product.names[v_products[v_at]],
            'requested', p_line_units[v_at], 'max_per_customer', v_limits[v_products[v_at]],
            'already', v_taken[v_at] + coalesce(v_given[v_pairs[v_at]], 0))
          else jsonb_build_object(
            'drop_product_id', p_line_product_ids[v_at], 'product_name', v_product.names[v_products[v_at]],
            'requested', p_line_units[v_at], 'available', v_free[v_products[v_at]])
        end;
      end if;
    end if;
    v_from := v_to + 1;
  end loop;

  update drop_products p set available_inventory = p.available_inventory - used.units
  from unnest(v_ids, v_used) as used (id, units)
  where p.id = used.id and used.units > 0;
end
$function$;
comment on function _claim_batch(p_customer_ids text[], p_line_owners integer[], p_line_product_ids uuid[], p_line_units integer[], p_now timestamp with time zone, OUT amounts_minor bigint[], OUT currencies text[], OUT failure_codes text[], OUT failure_details jsonb[]) is NULL;

CREATE OR REPLACE FUNCTION public._count_open_checkouts(p_customer_ids text[], p_now timestamp with time zone)
 RETURNS TABLE(customer_id text, open_checkouts integer)
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET max_parallel_workers_per_gather TO '0'
AS $function$
  select c.customer_id, (count(distinct c.id) filter (where r.status = 'held' and r.reclaim_after > p_now))::integer
  from unnest(p_customer_ids) as wanted (id)
  join checkouts c on c.customer_id = wanted.id
  join inventory_reservations r on r.checkout_id = c.id
  where checkout_is_open(c.status)
  group by c.customer_id;
$function$;
comment on function _count_open_checkouts(p_customer_ids text[], p_now timestamp with time zone) is NULL;

CREATE OR REPLACE FUNCTION public._count_units(p_customer_ids text[])
 RETURNS TABLE(customer_id text, drop_product_id uuid, units integer)
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET max_parallel_workers_per_gather TO '0'
AS $function$
  select c.customer_id, r.drop_product_id,
    (sum(r.quantity - r.returned_quantity) filter (where r.status in ('held', 'confirmed')))::integer
  from unnest(p_customer_ids) as wanted (id)
  join checkouts c on c.customer_id = wanted.id
  join inventory_reservations r on r.checkout_id = c.id
  group by c.customer_id, r.drop_product_id;
$function$;
comment on function _count_units(p_customer_ids text[]) is NULL;

CREATE OR REPLACE FUNCTION public._create_order(p_checkout checkouts)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
declare
  v_order_id uuid;
begin
  insert into orders (checkout_id, customer_id, payment_intent_id, amount_minor, currency)
  values (
    p_checkout.id, p_checkout.customer_id, p_checkout.payment_intent_id, p_checkout.amount_minor, p_checkout.currency)
  returning id into v_order_id;
  insert into order_items (order_id, drop_product_id, product_name, unit_price_minor, quantity)
  select v_order_id, drop_product_id, product_name, unit_price_minor, quantity
  from checkout_lines where checkout_id = p_checkout.id;
end
$function$;
comment on function _create_order(p_checkout checkouts) is NULL;

CREATE OR REPLACE FUNCTION public._decide_batch(p_customer_ids text[], p_line_owners integer[], p_line_product_ids uuid[], p_line_units integer[], p_now timestamp with time zone, OUT amounts_minor bigint[], OUT currencies text[], OUT failure_codes text[], OUT failure_details jsonb[])
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
declare
  v_owner integer;
  v_code text;
  v_detail jsonb;
begin
  select c.amounts_minor, c.currencies, c.failure_codes, c.failure_details
  into amounts_minor, currencies, failure_codes, failure_details
  from _claim_batch(p_customer_ids, p_line_owners, p_line_product_ids, p_line_units, p_now) c;
  if array_position(amounts_minor, null) is null then
    return;
  end if;
  for v_owner, v_code, v_detail in
    select q.owner, q.failure_code, q.failure_detail
    from _refusals(amounts_minor, failure_codes, p_line_owners, p_line_product_ids, p_line_units, p_now) q
  loop
    failure_codes[v_owner] := v_code;
    failure_details[v_owner] := v_detail;
  end loop;
end
$function$;
comment on function _decide_batch(p_customer_ids text[], p_line_owners integer[], p_line_product_ids uuid[], p_line_units integer[], p_now timestamp with time zone, OUT amounts_minor bigint[], OUT currencies text[], OUT failure_codes text[], OUT failure_details jsonb[]) is NULL;

CREATE OR REPLACE FUNCTION public._end_disputes(p_checkout_id uuid)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
begin
  update orders set disputed_at = null where checkout_id = p_checkout_id and disputed_at is not null;
  if found then
    update incidents set resolved_at = clock_timestamp()
    where checkout_id = p_checkout_id and kind = 'payment_disputed' and resolved_at is null;
  end if;
end
$function$;
comment on function _end_disputes(p_checkout_id uuid) is NULL;

CREATE OR REPLACE FUNCTION public._end_holds(p_reservation_ids uuid[], p_status text)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
declare
  v_product_ids uuid[];
  v_units integer[];
  v_ended integer;
begin
  with ended as (
    update inventory_reservations set status = p_status
    where id = any (p_reservation_ids) and status = 'held'
    returning drop_product_id, quantity
  ), per_product as (
    select drop_product_id, sum(quantity)::integer as units, count(*)::integer as reservations
    from ended
    group by drop_product_id
  )
  select
    array_agg(drop_product_id order by drop_product_id), array_agg(units order by drop_product_id),
    coalesce(sum(reservations), 0)
  into v_product_ids, v_units, v_ended
  from per_product;
  for i in 1 .. coalesce(cardinality(v_product_ids), 0) loop
    update drop_products set available_inventory = available_inventory + v_units[i] where id = v_product_ids[i];
  end loop;
  return v_ended;
end
$function$;
comment on function _end_holds(p_reservation_ids uuid[], p_status text) is NULL;

CREATE OR REPLACE FUNCTION public._find_checkout(p_checkout_id uuid, p_request_fingerprint text)
 RETURNS checkouts
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
declare
  v_checkout checkouts%rowtype;
begin
  select * into v_checkout from checkouts where id = p_checkout_id;
  if v_checkout.request_fingerprint <> p_request_fingerprint then
    raise exception using
      errcode = 'HF009', message = 'this checkout was opened with another request', detail = p_checkout_id::text;
  end if;
  return v_checkout;
end
$function$;
comment on function _find_checkout(p_checkout_id uuid, p_request_fingerprint text) is NULL;

CREATE OR REPLACE FUNCTION public._follow_refunds(p_checkout_id uuid)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
declare
  v_given_back numeric;
begin
  select coalesce(sum(amount_minor), 0) into v_given_back
  from refunds where checkout_id = p_checkout_id and state = 'succeeded';
  update orders set status = _order_status(amount_minor, v_given_back)
  where checkout_id = p_checkout_id and status <> _order_status(amount_minor, v_given_back);
  update checkouts set status = 'refunded'
  where id = p_checkout_id and status = 'refund_pending' and amount_minor <= v_given_back;
end
$function$;
comment on function _follow_refunds(p_checkout_id uuid) is NULL;

CREATE OR REPLACE FUNCTION public._free_units(p_product_ids uuid[], p_wanted bigint[], p_now timestamp with time zone)
 RETURNS integer[]
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
declare
  v_product_id uuid;
  v_short bigint;
  v_back integer;
begin
  for v_product_id, v_short in
    select p.id, want.units - p.available_inventory
    from unnest(p_product_ids, p_wanted) as want (id, units)
    join drop_products p on p.id = want.id
    where want.units > p.available_inventory
    order by p.id
  loop
    -- 25 rounds of 200 dead holds: as many as one cleanup takes.
    for v_round in 1 .. 25 loop
      v_back := _reclaim_dead_holds(v_product_id, p_now);
      v_short := v_short - v_back;
      exit when v_back = 0 or v_short <= 0;
    end loop;
  end loop;
  return array(
    select p.available_inventory
    from unnest(p_product_ids) with ordinality as wanted (id, position)
    join drop_products p on p.id = wanted.id
    order by wanted.position);
end
$function$;
comment on function _free_units(p_product_ids uuid[], p_wanted bigint[], p_now timestamp with time zone) is NULL;

CREATE OR REPLACE FUNCTION public._get_checkout(p_checkout_id uuid)
 RETURNS checkouts
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
declare
  v_checkout checkouts%rowtype;
begin
  select * into v_checkout from checkouts where id = p_checkout_id;
  if not found then
    raise exception using errcode = 'HF006', message = 'no such checkout', detail = p_checkout_id::text;
  end if;
  return v_checkout;
end
$function$;
comment on function _get_checkout(p_checkout_id uuid) is NULL;

CREATE OR REPLACE FUNCTION public._judge_events(p_checkout_id uuid, p_event_ids text[], p_outcome text)
 RETURNS void
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  update webhook_events
  set outcome = p_outcome, judged_at = clock_timestamp()
  where event_id = any (p_event_ids) and checkout_id = p_checkout_id and outcome is null;
$function$;
comment on function _judge_events(p_checkout_id uuid, p_event_ids text[], p_outcome text) is NULL;

CREATE OR REPLACE FUNCTION public._known_checkouts(p_checkout_ids uuid[])
 RETURNS uuid[]
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
begin
  return array(select c.id from unnest(p_checkout_ids) as wanted (id) join checkouts c on c.id = wanted.id);
end
$function$;
comment on function _known_checkouts(p_checkout_ids uuid[]) is NULL;

CREATE OR REPLACE FUNCTION public._line_not_open(p_product_ids uuid[], p_now timestamp with time zone)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  select jsonb_build_object(
    'drop_product_id', p.id, 'product_name', p.name, 'opens_at', d.opens_at, 'closes_at', d.closes_at)
  from drop_products p
  join drops d on d.id = p.drop_id
  where p.id = any (p_product_ids) and not (d.opens_at <= p_now and p_now < coalesce(d.closes_at, 'infinity'))
  order by p.id
  limit 1;
$function$;
comment on function _line_not_open(p_product_ids uuid[], p_now timestamp with time zone) is NULL;

CREATE OR REPLACE FUNCTION public._line_over_limit(p_customer_id text, p_product_ids uuid[], p_quantities integer[], p_now timestamp with time zone)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
declare
  v_dead uuid[];
begin
  if p_customer_id is not null then
    v_dead := array(
      select r.id
      from reclaimable_reservations r
      where r.checkout_id in (select c.id from checkouts c where c.customer_id = p_customer_id)
        and r.drop_product_id = any (
          array(select id from drop_products where id = any (p_product_ids) and max_per_customer is not null))
        and r.reclaim_after <= p_now
      order by r.id
      limit 200
      for update of r skip locked
    );
    if cardinality(v_dead) > 0 then
      perform _lock_products(p_product_ids);
      perform _end_holds(v_dead, 'expired');
    end if;
  end if;
  return (
    select jsonb_build_object(
      'drop_product_id', p.id, 'product_name', p.name, 'requested', line.units,
      'max_per_customer', p.max_per_customer, 'already', coalesce(taken.units, 0))
    from unnest(p_product_ids, p_quantities) as line (id, units)
    join drop_products p on p.id = line.id
    left join lateral (
      select sum(r.quantity - r.returned_quantity) as units
      from checkouts c
      join inventory_reservations r on r.checkout_id = c.id
      where c.customer_id = p_customer_id
        and r.drop_product_id = line.id
        and r.status in ('held', 'confirmed')
    ) as taken on true
    where line.units + coalesce(taken.units, 0) > p.max_per_customer
    order by p.id
    limit 1
  );
end
$function$;
comment on function _line_over_limit(p_customer_id text, p_product_ids uuid[], p_quantities integer[], p_now timestamp with time zone) is NULL;

CREATE OR REPLACE FUNCTION public._lines_to_return(p_checkout_id uuid, p_returned_lines jsonb, OUT product_ids uuid[], OUT quantities integer[], OUT is_possible boolean)
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
begin
  is_possible := true;
  if p_returned_lines = '[]' then
    return;
  end if;
  if p_returned_lines = '"all"' then
    select array_agg(id order by id), array_agg(units order by id) into product_ids, quantities
    from _units_out(p_checkout_id) as out_there (id, units) where units > 0;
    return;
  end if;
  select parsed.product_ids, parsed.quantities into product_ids, quantities from _parse_lines(p_returned_lines) as parsed;
  is_possible := not exists (
    select 1 from unnest(product_ids, quantities) as line (id, units)
    where line.units > coalesce((select o.units from _units_out(p_checkout_id) as o (id, units) where o.id = line.id), 0));
end
$function$;
comment on function _lines_to_return(p_checkout_id uuid, p_returned_lines jsonb, OUT product_ids uuid[], OUT quantities integer[], OUT is_possible boolean) is NULL;

CREATE OR REPLACE FUNCTION public._lock_batch_products(p_customer_ids text[], p_product_ids uuid[], p_now timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
declare
  v_dead uuid[];
begin
  if array_remove(p_customer_ids, null) <> '{}' then
    v_dead := array(
      select r.id
      from (select distinct id from unnest(p_customer_ids) as id where id is not null) as wanted
      join checkouts c on c.customer_id = wanted.id
      join reclaimable_reservations r on r.checkout_id = c.id
      where r.drop_product_id = any (
          array(select id from drop_products where id = any (p_product_ids) and max_per_customer is not null))
        and r.reclaim_after <= p_now
      order by r.id
      limit 5000
      for update of r skip locked
    );
  end if;
  perform _lock_products(p_product_ids);
  if cardinality(v_dead) > 0 then
    perform _end_holds(v_dead, 'expired');
  end if;
end
$function$;
comment on function _lock_batch_products(p_customer_ids text[], p_product_ids uuid[], p_now timestamp with time zone) is NULL;

CREATE OR REPLACE FUNCTION public._lock_checkout(p_checkout_id uuid)
 RETURNS void
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  select pg_advisory_xact_lock(hashtextextended(p_checkout_id::text, 1));
$function$;
comment on function _lock_checkout(p_checkout_id uuid) is NULL;

CREATE OR REPLACE FUNCTION public._lock_checkouts(p_checkout_ids uuid[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
begin
  perform pg_advisory_xact_lock(key)
  from (
    select distinct hashtextextended(id::text, 1) as key from unnest(p_checkout_ids) as id order by key
  ) as ascending;
end
$function$;
comment on function _lock_checkouts(p_checkout_ids uuid[]) is NULL;

CREATE OR REPLACE FUNCTION public._lock_customer(p_customer_id text, p_product_ids uuid[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
begin
  perform _lock_customers(array_fill(p_customer_id, array[cardinality(p_product_ids)]), p_product_ids);
end
$function$;
comment on function _lock_customer(p_customer_id text, p_product_ids uuid[]) is NULL;

CREATE OR REPLACE FUNCTION public._lock_customers(p_customer_ids text[], p_product_ids uuid[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
begin
  perform pg_advisory_xact_lock(key)
  from (
    select hashtextextended(line.customer_id || chr(31) || p.id::text, 3) as key
    from unnest(p_customer_ids, p_product_ids) as line (customer_id, product_id)
    join drop_products p on p.id = line.product_id
    where line.customer_id is not null and p.max_per_customer is not null
    union
    select hashtextextended(customer_id, 4) from unnest(p_customer_ids) as customer_id where customer_id is not null
    order by key
  ) as ascending;
end
$function$;
comment on function _lock_customers(p_customer_ids text[], p_product_ids uuid[]) is NULL;

CREATE OR REPLACE FUNCTION public._lock_payment_intent(p_payment_intent_id text)
 RETURNS void
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  select pg_advisory_xact_lock(hashtextextended(p_payment_intent_id, 2));
$function$;
comment on function _lock_payment_intent(p_payment_intent_id text) is NULL;

CREATE OR REPLACE FUNCTION public._lock_products(p_product_ids uuid[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
begin
  perform 1 from drop_products where id = any (p_product_ids) order by id for no key update;
end
$function$;
comment on function _lock_products(p_product_ids uuid[]) is NULL;

CREATE OR REPLACE FUNCTION public._number_customers(p_customer_ids text[], p_line_owners integer[], p_line_product_ids uuid[], p_now timestamp with time zone, OUT customers integer[], OUT pairs integer[], OUT taken integer[], OUT open_checkouts integer[])
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
declare
  v_customer_ids text[] := array(select distinct id from unnest(p_customer_ids) as id where id is not null);
begin
  if v_customer_ids = '{}' then
    customers := array_fill(null::integer, array[cardinality(p_line_owners)]);
    pairs := customers;
    taken := array_fill(0, array[cardinality(p_line_owners)]);
    open_checkouts := taken;
    return;
  end if;
  with line as (
    select l.position, l.product_id, m.customer_id
    from unnest(p_line_owners, p_line_product_ids) with ordinality as l (owner, product_id, position)
    join unnest(p_customer_ids) with ordinality as m (customer_id, position) on m.position = l.owner
  ), numbered as (
    select
      line.*,
      case when customer_id is not null then dense_rank() over (order by customer_id)::integer end as customer,
      case when customer_id is not null then dense_rank() over (order by customer_id, product_id)::integer end as pair
    from line
  )
  select
    array_agg(n.customer order by n.position), array_agg(n.pair order by n.position),
    array_agg(coalesce(t.units, 0) order by n.position), array_agg(coalesce(o.open_checkouts, 0) order by n.position)
  into customers, pairs, taken, open_checkouts
  from numbered n
  left join drop_products p on p.id = n.product_id
  left join _count_units(v_customer_ids) t
    on t.customer_id = n.customer_id and t.drop_product_id = n.product_id and p.max_per_customer is not null
  left join _count_open_checkouts(v_customer_ids, p_now) o on o.customer_id = n.customer_id;
end
$function$;
comment on function _number_customers(p_customer_ids text[], p_line_owners integer[], p_line_product_ids uuid[], p_now timestamp with time zone, OUT customers integer[], OUT pairs integer[], OUT taken integer[], OUT open_checkouts integer[]) is NULL;

CREATE OR REPLACE FUNCTION public._open_answer(p_checkout_id uuid, OUT outcome text, OUT status text, OUT failure_code text, OUT order_id uuid, OUT amount_minor bigint, OUT currency text, OUT payment_intent_id text, OUT opened_at_unix_seconds bigint, OUT reservation_ids uuid[])
 RETURNS record
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  select a.outcome, a.status, a.failure_code, a.order_id, a.amount_minor, a.currency, a.payment_intent_id,
    a.opened_at_unix_seconds, a.reservation_ids
  from checkout_open_answers a
  where a.checkout_id = p_checkout_id;
$function$;
comment on function _open_answer(p_checkout_id uuid, OUT outcome text, OUT status text, OUT failure_code text, OUT order_id uuid, OUT amount_minor bigint, OUT currency text, OUT payment_intent_id text, OUT opened_at_unix_seconds bigint, OUT reservation_ids uuid[]) is NULL;

CREATE OR REPLACE FUNCTION public._open_checkouts_over_max(p_customer_id text, p_now timestamp with time zone)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  select jsonb_build_object(
    'open_checkouts', n.open_checkouts, 'open_checkouts_max', s.open_checkouts_per_customer_max)
  from _count_open_checkouts(array[p_customer_id], p_now) n
  join inventory_settings s on n.open_checkouts >= s.open_checkouts_per_customer_max;
$function$;
comment on function _open_checkouts_over_max(p_customer_id text, p_now timestamp with time zone) is NULL;

CREATE OR REPLACE FUNCTION public._operation_snapshot(p_target_kind text, p_target text)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
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
$function$;
comment on function _operation_snapshot(p_target_kind text, p_target text) is NULL;

CREATE OR REPLACE FUNCTION public._order_status(p_amount_minor bigint, p_given_back_minor numeric)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  select case
    when p_given_back_minor >= p_amount_minor then 'refunded'
    when p_given_back_minor > 0 then 'partially_refunded'
    else 'paid'
  end;
$function$;
comment on function _order_status(p_amount_minor bigint, p_given_back_minor numeric) is NULL;

CREATE OR REPLACE FUNCTION public._parse_lines(p_items jsonb, OUT product_ids uuid[], OUT quantities integer[])
 RETURNS record
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
declare
  v_items jsonb := p_items;
  v_line jsonb;
begin
  if jsonb_typeof(v_items) = 'string' and pg_input_is_valid(v_items #>> '{}', 'jsonb') then
    v_items := (v_items #>> '{}')::jsonb;
  end if;
  if jsonb_typeof(v_items) is distinct from 'array' or jsonb_array_length(v_items) not between 1 and 200 then
    raise exception using errcode = '22023', message = 'order items must be an array of 1 to 200 lines';
  end if;
  for v_line in select value from jsonb_array_elements(v_items) loop
    if jsonb_typeof(v_line) is distinct from 'object'
      or jsonb_typeof(v_line -> 'drop_product_id') is distinct from 'string'
      or not pg_input_is_valid(v_line ->> 'drop_product_id', 'uuid') then
      raise exception using errcode = '22023', message = 'every line needs a drop_product_id, a UUID';
    end if;
    if jsonb_typeof(v_line -> 'quantity') is distinct from 'number'
      or (v_line ->> 'quantity')::numeric not between 1 and 1000000
      or (v_line ->> 'quantity')::numeric % 1 <> 0 then
      raise exception using errcode = '22023', message = 'every line needs a quantity, a whole number from 1 to 1000000';
    end if;
  end loop;
  select array_agg(id order by id), array_agg(units order by id)
  into product_ids, quantities
  from (
    select (value ->> 'drop_product_id')::uuid as id, sum((value ->> 'quantity')::numeric)::integer as units
    from jsonb_array_elements(v_items)
    group by 1
  ) as merged;
end
$function$;
comment on function _parse_lines(p_items jsonb, OUT product_ids uuid[], OUT quantities integer[]) is NULL;

CREATE OR REPLACE FUNCTION public._plain_confirms(p_checkout_ids uuid[], p_payment_intent_ids text[])
 RETURNS uuid[]
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  select array(
    select c.id
    from (
      select id, min(payment_intent_id) as payment_intent_id
      from unnest(p_checkout_ids, p_payment_intent_ids) as m (id, payment_intent_id)
      group by id
      having count(*) = 1
    ) as m
    join checkouts c on c.id = m.id
    where c.status in ('awaiting_payment', 'payment_processing')
      and c.payment_intent_id = m.payment_intent_id
      -- Counted by checkout alone: a condition on product or status would offer the planner an index that holds every live hold.
      and (select count(*) from checkout_lines l where l.checkout_id = c.id)
        = (select count(*) filter (where r.status = 'held') from inventory_reservations r where r.checkout_id = c.id));
$function$;
comment on function _plain_confirms(p_checkout_ids uuid[], p_payment_intent_ids text[]) is NULL;

CREATE OR REPLACE FUNCTION public._put_back(p_product_ids uuid[], p_quantities integer[], p_count integer)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
begin
  for i in 1 .. p_count loop
    update drop_products set available_inventory = available_inventory + p_quantities[i] where id = p_product_ids[i];
  end loop;
end
$function$;
comment on function _put_back(p_product_ids uuid[], p_quantities integer[], p_count integer) is NULL;

CREATE OR REPLACE FUNCTION public._quote_all(p_customer_ids text[], p_line_owners integer[], p_line_product_ids uuid[], p_line_units integer[], p_now timestamp with time zone, OUT amounts_minor bigint[], OUT currencies text[])
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
declare
  v_open_max integer := (select open_checkouts_per_customer_max from inventory_settings);
  v_customer record;
  v_can_all boolean;
begin
  select * into v_customer from _number_customers(p_customer_ids, p_line_owners, p_line_product_ids, p_now);
  with product as materialized (
    select
      p.id, p.unit_price_minor, p.max_per_customer, p.available_inventory, d.currency, c.amount_minor_min, c.amount_minor_max
    from drop_products p
    join drops d on d.id = p.drop_id
    join currencies c on c.code = d.currency
    where p.id = any (p_line_product_ids) and d.opens_at <= p_now and p_now < coalesce(d.closes_at, 'infinity')
  ), line as materialized (
    select
      l.owner, l.customer, l.units, p.*,
      p.id is not null
        and coalesce(l.units + l.taken <= p.max_per_customer, true)
        and coalesce(l.open_checkouts < v_open_max, true) as is_allowed
    from unnest(
      p_line_owners, p_line_product_ids, p_line_units, v_customer.customers, v_customer.taken, v_customer.open_checkouts
    ) as l (owner, product_id, units, customer, taken, open_checkouts)
    left join product p on p.id = l.product_id
  ), member as (
    select
      owner, min(customer) as customer, min(currency) as currency, sum(unit_price_minor * units)::bigint as amount_minor,
      bool_and(is_allowed) and min(currency) = max(currency)
        and sum(unit_price_minor * units) between min(amount_minor_min) and max(amount_minor_max) as is_allowed
    from line
    group by owner
  )
  select
    bool_and(coalesce(m.is_allowed, m.owner is null)) and count(distinct m.customer) = count(m.customer)
      and (select bool_and(units <= available) from (
        select sum(units) as units, min(available_inventory) as available from line group by id) as wanted),
    array_agg(m.amount_minor order by position), array_agg(m.currency order by position)
  into v_can_all, amounts_minor, currencies
  from generate_series(1, cardinality(p_customer_ids)) as position
  left join member m on m.owner = position;
  if v_can_all is not true then
    amounts_minor := null;
    currencies := null;
  end if;
end
$function$;
comment on function _quote_all(p_customer_ids text[], p_line_owners integer[], p_line_product_ids uuid[], p_line_units integer[], p_now timestamp with time zone, OUT amounts_minor bigint[], OUT currencies text[]) is NULL;

CREATE OR REPLACE FUNCTION public._quote_lines(p_product_ids uuid[], p_quantities integer[], p_now timestamp with time zone, OUT failure_code text, OUT failure_detail jsonb, OUT amount_minor bigint, OUT currency text)
 RETURNS record
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
declare
  v_unknown uuid;
  v_currencies text[];
  v_limits currencies%rowtype;
begin
  select
    (array_agg(line.id order by line.id) filter (where p.id is null))[1],
    array_agg(distinct d.currency),
    sum(p.unit_price_minor * line.units)
  into v_unknown, v_currencies, amount_minor
  from unnest(p_product_ids, p_quantities) as line (id, units)
  left join drop_products p on p.id = line.id
  left join drops d on d.id = p.drop_id;

  if v_unknown is not null then
    failure_code := 'unknown_product';
    failure_detail := jsonb_build_object('drop_product_id', v_unknown);
    return;
  end if;
  if cardinality(v_currencies) > 1 then
    failure_code := 'mixed_currency';
    failure_detail := jsonb_build_object('currencies', to_jsonb(v_currencies));
    return;
  end if;
  currency := v_currencies[1];
  failure_detail := _line_not_open(p_product_ids, p_now);
  if failure_detail is not null then
    failure_code := 'drop_not_open';
    return;
  end if;
  select * into v_limits from currencies where code = currency;
  if amount_minor < v_limits.amount_minor_min then
    failure_code := 'amount_too_small';
  elsif amount_minor > v_limits.amount_minor_max then
    failure_code := 'amount_too_large';
  end if;
  if failure_code is not null then
    failure_detail := jsonb_build_object(
      'amount_minor', amount_minor, 'currency', currency,
      'amount_minor_min', v_limits.amount_minor_min, 'amount_minor_max', v_limits.amount_minor_max);
  end if;
end
$function$;
comment on function _quote_lines(p_product_ids uuid[], p_quantities integer[], p_now timestamp with time zone, OUT failure_code text, OUT failure_detail jsonb, OUT amount_minor bigint, OUT currency text) is NULL;

CREATE OR REPLACE FUNCTION public._reclaim_dead_holds(p_product_id uuid, p_now timestamp with time zone)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
declare
  v_dead uuid[];
begin
  v_dead := array(
    select id from reclaimable_reservations
    where drop_product_id = p_product_id and reclaim_after <= p_now
    order by reclaim_after
    limit 200
    for update skip locked
  );
  return _end_holds(v_dead, 'expired');
end
$function$;
comment on function _reclaim_dead_holds(p_product_id uuid, p_now timestamp with time zone) is NULL;

CREATE OR REPLACE FUNCTION public._reclaim_lost_lines(p_checkout checkouts)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
declare
  v_ids uuid[];
  v_quantities integer[];
begin
  select
    array_agg(l.drop_product_id order by l.drop_product_id), array_agg(l.quantity order by l.drop_product_id)
  into v_ids, v_quantities
  from checkout_lines l
  where l.checkout_id = p_checkout.id
    and not exists (
      select 1 from inventory_reservations r
      where r.checkout_id = l.checkout_id and r.drop_product_id = l.drop_product_id and r.status = 'held');
  if v_ids is null then
    return true;
  end if;
  if p_checkout.customer_id is not null then
    perform _lock_customer(p_checkout.customer_id, v_ids);
  end if;
  -- All products of the checkout, lost or not: if this fails, those still held are given back as well.
  perform _lock_products(array(select drop_product_id from checkout_lines where checkout_id = p_checkout.id));
  if _line_over_limit(p_checkout.customer_id, v_ids, v_quantities, clock_timestamp()) is not null
    or _take_units(v_ids, v_quantities) > 0 then
    return false;
  end if;
  -- A reservation that was purged meanwhile has no row to revive.
  insert into inventory_reservations
    (drop_product_id, quantity, payment_intent_id, expires_at, checkout_id, reclaim_after)
  select l.drop_product_id, l.quantity, p_checkout.payment_intent_id, p_checkout.expires_at, p_checkout.id,
    p_checkout.expires_at
  from checkout_lines l
  where l.checkout_id = p_checkout.id and not exists (
    select 1 from inventory_reservations r
    where r.checkout_id = l.checkout_id and r.drop_product_id = l.drop_product_id);
  return true;
end
$function$;
comment on function _reclaim_lost_lines(p_checkout checkouts) is NULL;

CREATE OR REPLACE FUNCTION public._record_dispute(p_checkout_id uuid, p_disputed_at timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
declare
  v_key text;
begin
  update orders set disputed_at = p_disputed_at where checkout_id = p_checkout_id and disputed_at is null;
  if found then
    insert into incidents (checkout_id, kind, detail)
    values (p_checkout_id, 'payment_disputed', jsonb_build_object('disputed_at', p_disputed_at))
    on conflict (checkout_id, kind) where resolved_at is null do nothing;
  end if;
  for v_key in
    select request_key from refunds
    where checkout_id = p_checkout_id and state = 'pending' and stripe_refund_id is null
  loop
    perform _set_refund(v_key, null, 'failed', 'charge_disputed');
  end loop;
end
$function$;
comment on function _record_dispute(p_checkout_id uuid, p_disputed_at timestamp with time zone) is NULL;

CREATE OR REPLACE FUNCTION public._refusals(p_amounts_minor bigint[], p_failure_codes text[], p_line_owners integer[], p_line_product_ids uuid[], p_line_units integer[], p_now timestamp with time zone)
 RETURNS TABLE(owner integer, failure_code text, failure_detail jsonb)
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  select unpriced.owner, q.failure_code, q.failure_detail
  from (
    select l.owner, array_agg(l.id order by l.id) as ids, array_agg(l.units order by l.id) as units
    from unnest(p_line_owners, p_line_product_ids, p_line_units) as l (owner, id, units)
    where p_amounts_minor[l.owner] is null and p_failure_codes[l.owner] is null
    group by l.owner
  ) as unpriced
  cross join lateral _quote_lines(unpriced.ids, unpriced.units, p_now) as q
  where q.failure_code is not null;
$function$;
comment on function _refusals(p_amounts_minor bigint[], p_failure_codes text[], p_line_owners integer[], p_line_product_ids uuid[], p_line_units integer[], p_now timestamp with time zone) is NULL;

CREATE OR REPLACE FUNCTION public._release_own_holds(p_checkout_id uuid, p_status text)
 RETURNS integer
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  select _end_holds(
    array(select id from inventory_reservations where checkout_id = p_checkout_id and status = 'held'), p_status);
$function$;
comment on function _release_own_holds(p_checkout_id uuid, p_status text) is NULL;

CREATE OR REPLACE FUNCTION public._require_bare(p_payment_intent_id text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
begin
  if p_payment_intent_id ~ '^checkout:'
    or exists (select 1 from checkouts where payment_intent_id = p_payment_intent_id) then
    raise exception using
      errcode = 'HF002', message = 'this id belongs to a checkout', detail = p_payment_intent_id;
  end if;
end
$function$;
comment on function _require_bare(p_payment_intent_id text) is NULL;

CREATE OR REPLACE FUNCTION public._require_read_committed()
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception using
      errcode = 'HF001',
      message = format('isolation level %s is refused; use read committed', current_setting('transaction_isolation'));
  end if;
end
$function$;
comment on function _require_read_committed() is NULL;

CREATE OR REPLACE FUNCTION public._return_units(p_request_key text, p_checkout_id uuid)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
declare
  v_ids uuid[];
  v_quantities integer[];
begin
  with due as (
    update refund_lines set returned_at = clock_timestamp()
    where request_key = p_request_key and returned_at is null
    returning drop_product_id, quantity
  )
  select array_agg(drop_product_id order by drop_product_id), array_agg(quantity order by drop_product_id)
  into v_ids, v_quantities
  from due;
  if v_ids is null then
    return;
  end if;
  update inventory_reservations r
  set returned_quantity = r.returned_quantity + line.units
  from unnest(v_ids, v_quantities) as line (id, units)
  where r.checkout_id = p_checkout_id and r.drop_product_id = line.id and r.status = 'confirmed';
  perform _put_back(v_ids, v_quantities, cardinality(v_ids));
end
$function$;
comment on function _return_units(p_request_key text, p_checkout_id uuid) is NULL;

CREATE OR REPLACE FUNCTION public._set_refund(p_request_key text, p_stripe_refund_id text, p_state text, p_failure_reason text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
declare
  v_refund refunds%rowtype;
begin
  select * into v_refund from refunds where request_key = p_request_key;
  if v_refund.state = 'failed' or (p_state = 'pending' and v_refund.stripe_refund_id is not null) then
    return;
  end if;
  update refunds
  set
    stripe_refund_id = coalesce(p_stripe_refund_id, stripe_refund_id),
    state = p_state,
    failure_reason = case p_state when 'failed' then p_failure_reason end,
    updated_at = clock_timestamp()
  where request_key = p_request_key
  returning * into v_refund;
  if v_refund.state = 'succeeded' then
    perform _return_units(p_request_key, v_refund.checkout_id);
  elsif v_refund.state = 'failed' then
    insert into incidents (checkout_id, kind, detail)
    values (v_refund.checkout_id, 'refund_failed', jsonb_build_object(
      'request_key', p_request_key, 'refund_id', v_refund.stripe_refund_id, 'amount_minor', v_refund.amount_minor,
      'reason', p_failure_reason))
    on conflict (checkout_id, kind) where resolved_at is null do nothing;
  end if;
  perform _follow_refunds(v_refund.checkout_id);
end
$function$;
comment on function _set_refund(p_request_key text, p_stripe_refund_id text, p_state text, p_failure_reason text) is NULL;

CREATE OR REPLACE FUNCTION public._settlement_answer(p_checkout_id uuid, OUT status text, OUT failure_code text, OUT order_id uuid)
 RETURNS record
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  select c.status, c.failure_code, (select o.id from orders o where o.checkout_id = c.id)
  from checkouts c where c.id = p_checkout_id;
$function$;
comment on function _settlement_answer(p_checkout_id uuid, OUT status text, OUT failure_code text, OUT order_id uuid) is NULL;

CREATE OR REPLACE FUNCTION public._take_for_checkout(p_customer_id text, p_product_ids uuid[], p_quantities integer[], OUT failure_code text, OUT failure_detail jsonb, OUT amount_minor bigint, OUT currency text)
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
declare
  v_quote record;
  v_short integer;
begin
  if p_customer_id is not null then
    perform _lock_customer(p_customer_id, p_product_ids);
  end if;
  select * into v_quote from _quote_lines(p_product_ids, p_quantities, clock_timestamp());
  if v_quote.failure_code is null then
    failure_detail := _open_checkouts_over_max(p_customer_id, clock_timestamp());
    if failure_detail is not null then
      failure_code := 'too_many_open_checkouts';
      return;
    end if;
    failure_detail := _line_over_limit(p_customer_id, p_product_ids, p_quantities, clock_timestamp());
    if failure_detail is not null then
      failure_code := 'purchase_limit_reached';
      return;
    end if;
    v_short := _take_units(p_product_ids, p_quantities);
    if v_short > 0 then
      failure_code := 'insufficient_inventory';
      select jsonb_build_object(
        'drop_product_id', id, 'product_name', name, 'requested', p_quantities[v_short],
        'available', available_inventory)
      into failure_detail
      from drop_products where id = p_product_ids[v_short];
      return;
    end if;
    select * into v_quote from _quote_lines(p_product_ids, p_quantities, clock_timestamp());
    if v_quote.failure_code is not null then
      perform _put_back(p_product_ids, p_quantities, cardinality(p_product_ids));
    end if;
  end if;
  failure_code := v_quote.failure_code;
  failure_detail := v_quote.failure_detail;
  amount_minor := v_quote.amount_minor;
  currency := v_quote.currency;
end
$function$;
comment on function _take_for_checkout(p_customer_id text, p_product_ids uuid[], p_quantities integer[], OUT failure_code text, OUT failure_detail jsonb, OUT amount_minor bigint, OUT currency text) is NULL;

CREATE OR REPLACE FUNCTION public._take_product(p_product_id uuid, p_quantity integer)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
declare
  v_now timestamptz;
begin
  update drop_products set available_inventory = available_inventory - p_quantity
  where id = p_product_id and available_inventory >= p_quantity;
  if found then
    return true;
  end if;
  v_now := clock_timestamp();
  if not exists (
    select 1 from reclaimable_reservations where drop_product_id = p_product_id and reclaim_after <= v_now
  ) then
    update drop_products set available_inventory = available_inventory - p_quantity
    where id = p_product_id and available_inventory >= p_quantity;
    return found;
  end if;
  perform 1 from drop_products where id = p_product_id for no key update;
  -- Five rounds of 200 dead holds cover the largest line the API accepts.
  for v_round in 1 .. 6 loop
    update drop_products set available_inventory = available_inventory - p_quantity
    where id = p_product_id and available_inventory >= p_quantity;
    if found then
      return true;
    end if;
    exit when v_round = 6 or _reclaim_dead_holds(p_product_id, v_now) = 0;
  end loop;
  return false;
end
$function$;
comment on function _take_product(p_product_id uuid, p_quantity integer) is NULL;

CREATE OR REPLACE FUNCTION public._take_quoted(p_line_product_ids uuid[], p_line_units integer[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
declare
  v_asked_at timestamptz := clock_timestamp();
  v_products integer;
  v_taken integer;
begin
  perform _lock_products(p_line_product_ids);
  select count(distinct id) into v_products from unnest(p_line_product_ids) as id;
  update drop_products p set available_inventory = p.available_inventory - wanted.units
  from (
    select id, sum(units) as units from unnest(p_line_product_ids, p_line_units) as line (id, units) group by id
  ) as wanted
  where p.id = wanted.id and p.available_inventory >= wanted.units;
  get diagnostics v_taken = row_count;
  if v_taken < v_products or clock_timestamp() > v_asked_at + interval '100 ms' then
    raise exception using errcode = 'HF013', message = 'the members of this batch must be asked in turn';
  end if;
end
$function$;
comment on function _take_quoted(p_line_product_ids uuid[], p_line_units integer[]) is NULL;

CREATE OR REPLACE FUNCTION public._take_units(p_product_ids uuid[], p_quantities integer[])
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
begin
  for i in 1 .. cardinality(p_product_ids) loop
    if not _take_product(p_product_ids[i], p_quantities[i]) then
      perform _put_back(p_product_ids, p_quantities, i - 1);
      return i;
    end if;
  end loop;
  return 0;
end
$function$;
comment on function _take_units(p_product_ids uuid[], p_quantities integer[]) is NULL;

CREATE OR REPLACE FUNCTION public._units_out(p_checkout_id uuid, OUT drop_product_id uuid, OUT units integer)
 RETURNS SETOF record
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  select r.drop_product_id, (r.quantity - r.returned_quantity - coalesce((
    select sum(l.quantity) from refund_lines l join refunds f using (request_key)
    where f.checkout_id = p_checkout_id and f.state = 'pending' and l.drop_product_id = r.drop_product_id
      and l.returned_at is null), 0))::integer
  from inventory_reservations r
  where r.checkout_id = p_checkout_id and r.status = 'confirmed';
$function$;
comment on function _units_out(p_checkout_id uuid, OUT drop_product_id uuid, OUT units integer) is NULL;

CREATE OR REPLACE FUNCTION public._write_batch(p_checkout_ids uuid[], p_request_fingerprints text[], p_customer_ids text[], p_window_seconds integer[], p_reclaim_grace_seconds integer[], p_payment_attempts_max integer[], p_amounts_minor bigint[], p_currencies text[], p_failure_codes text[], p_failure_details jsonb[], p_line_owners integer[], p_line_product_ids uuid[], p_line_units integer[], p_now timestamp with time zone, OUT reserved_by uuid[], OUT reservation_ids uuid[])
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
begin
  insert into checkouts
    (id, request_fingerprint, customer_id, opened_at, status, failure_code, failure_detail, amount_minor, currency,
     window_seconds, payment_attempts_max, expires_at)
  select
    m.id, m.fingerprint, m.customer_id, p_now, case when m.amount_minor is null then 'refused' else 'opening' end,
    m.failure_code, m.failure_detail, m.amount_minor, m.currency,
    case when m.amount_minor is not null then m.window_seconds end,
    case when m.amount_minor is not null then m.attempts_max end,
    case when m.amount_minor is not null then p_now + make_interval(secs => m.window_seconds) end
  from unnest(
    p_checkout_ids, p_request_fingerprints, p_customer_ids, p_failure_codes, p_failure_details, p_amounts_minor, p_currencies,
    p_window_seconds, p_payment_attempts_max
  ) as m (id, fingerprint, customer_id, failure_code, failure_detail, amount_minor, currency, window_seconds, attempts_max)
  where m.amount_minor is not null or m.failure_code is not null;

  insert into checkout_lines (checkout_id, drop_product_id, product_name, unit_price_minor, quantity)
  select p_checkout_ids[line.owner], p.id, p.name, p.unit_price_minor, line.units
  from unnest(p_line_owners, p_line_product_ids, p_line_units) as line (owner, product_id, units)
  join (select * from drop_products where id = any (p_line_product_ids)) p on p.id = line.product_id
  where p_amounts_minor[line.owner] is not null;

  with held as (
    insert into inventory_reservations
      (drop_product_id, quantity, payment_intent_id, expires_at, created_at, checkout_id, reclaim_after)
    select
      line.product_id, line.units, 'checkout:' || p_checkout_ids[line.owner],
      p_now + make_interval(secs => p_window_seconds[line.owner]), p_now, p_checkout_ids[line.owner],
      p_now + make_interval(secs => p_window_seconds[line.owner] + p_reclaim_grace_seconds[line.owner])
    from unnest(p_line_owners, p_line_product_ids, p_line_units) as line (owner, product_id, units)
    where p_amounts_minor[line.owner] is not null
    returning id, checkout_id, drop_product_id
  )
  select array_agg(checkout_id order by drop_product_id), array_agg(id order by drop_product_id)
  into reserved_by, reservation_ids
  from held;
end
$function$;
comment on function _write_batch(p_checkout_ids uuid[], p_request_fingerprints text[], p_customer_ids text[], p_window_seconds integer[], p_reclaim_grace_seconds integer[], p_payment_attempts_max integer[], p_amounts_minor bigint[], p_currencies text[], p_failure_codes text[], p_failure_details jsonb[], p_line_owners integer[], p_line_product_ids uuid[], p_line_units integer[], p_now timestamp with time zone, OUT reserved_by uuid[], OUT reservation_ids uuid[]) is NULL;

CREATE OR REPLACE FUNCTION public.adjust_total_inventory(p_request_key text, p_drop_product_id uuid, p_units integer, p_who text, p_why text, OUT total integer, OUT available integer)
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
declare
  v_known stock_adjustments%rowtype;
begin
  perform _require_read_committed();
  select total_inventory, available_inventory into total, available
  from drop_products where id = p_drop_product_id for no key update;
  if not found then
    raise exception using errcode = 'HF006', message = 'no such product', detail = p_drop_product_id::text;
  end if;
  select * into v_known from stock_adjustments where request_key = p_request_key;
  if found then
    if (v_known.drop_product_id, v_known.units) is distinct from (p_drop_product_id, p_units) then
      raise exception using
        errcode = 'HF009', message = 'this key was used for another adjustment', detail = p_request_key;
    end if;
    return;
  end if;
  if available + p_units < 0 then
    raise exception using
      errcode = 'HF011', message = 'fewer than the units held and sold', detail = (total - available)::text;
  end if;
  update drop_products p set total_inventory = p.total_inventory + p_units where p.id = p_drop_product_id
  returning p.total_inventory, p.available_inventory into total, available;
  insert into stock_adjustments (request_key, drop_product_id, units, total_after, who, why)
  values (p_request_key, p_drop_product_id, p_units, total, p_who, p_why);
end
$function$;
comment on function adjust_total_inventory(p_request_key text, p_drop_product_id uuid, p_units integer, p_who text, p_why text, OUT total integer, OUT available integer) is 'Puts units on sale (positive) or takes free ones off it (negative), once per key. HF011: it would go below held and sold (detail: how many those are), HF006: no such product, HF009: the key was used for another adjustment.';

CREATE OR REPLACE FUNCTION public.admin_operations_guard()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
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
$function$;
comment on function admin_operations_guard() is NULL;

CREATE OR REPLACE FUNCTION public.advance_refund(p_request_key text, p_n integer)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
declare
  v_n integer;
begin
  perform _require_read_committed();
  update refunds set n = n + 1, updated_at = clock_timestamp()
  where request_key = p_request_key and n = p_n and state = 'pending';
  select n into v_n from refunds where request_key = p_request_key;
  if not found then
    raise exception using errcode = 'HF006', message = 'no such refund', detail = p_request_key;
  end if;
  return v_n;
end
$function$;
comment on function advance_refund(p_request_key text, p_n integer) is NULL;

CREATE OR REPLACE FUNCTION public.begin_create(p_checkout_id uuid, p_per_second integer, p_wait_ms_max integer, OUT is_too_late boolean, OUT is_taken boolean, OUT wait_ms integer)
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
AS $function$
begin
  perform _require_read_committed();
  is_too_late := exists (
    select 1 from checkouts c
    where c.id = p_checkout_id and c.status = 'opening' and c.expires_at <= clock_timestamp());
  is_taken := false;
  wait_ms := 0;
  if not is_too_late then
    select s.is_taken, s.wait_ms into is_taken, wait_ms
    from take_stripe_slot('create', p_per_second, p_wait_ms_max) s;
  end if;
end
$function$;
comment on function begin_create(p_checkout_id uuid, p_per_second integer, p_wait_ms_max integer, OUT is_too_late boolean, OUT is_taken boolean, OUT wait_ms integer) is 'Before a PaymentIntent is created: whether its checkout may still get one, and when (see take_stripe_slot).';

CREATE OR REPLACE FUNCTION public.begin_operation(p_operation_id uuid, p_request_fingerprint text, p_action text, p_target_kind text, p_target text, p_operator text, p_reason text, p_request jsonb)
 RETURNS admin_operations
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
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
$function$;
comment on function begin_operation(p_operation_id uuid, p_request_fingerprint text, p_action text, p_target_kind text, p_target text, p_operator text, p_reason text, p_request jsonb) is 'Writes down who wants what and why, with how it stands now. A known operation is answered as it is. HF009: another request.';

CREATE OR REPLACE FUNCTION public.bind_payment_intent(p_checkout_id uuid, p_payment_intent_id text)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
AS $function$
declare
  v_checkout checkouts%rowtype;
begin
  perform _begin_checkout(p_checkout_id);
  -- The bare functions lock the same id before they look whether it belongs to a checkout.
  perform _lock_payment_intent(p_payment_intent_id);
  v_checkout := _get_checkout(p_checkout_id);
  if v_checkout.payment_intent_id is not null then
    if v_checkout.payment_intent_id = p_payment_intent_id then
      return true;
    end if;
    raise exception using
      errcode = 'HF004', message = 'this checkout is bound to another PaymentIntent',
      detail = v_checkout.payment_intent_id;
  end if;
  if v_checkout.status <> 'opening' then
    return false;
  end if;
  if exists (select 1 from inventory_reservations where payment_intent_id = p_payment_intent_id) then
    raise exception using
      errcode = 'HF002', message = 'this PaymentIntent has reservations of its own', detail = p_payment_intent_id;
  end if;
  update checkouts set payment_intent_id = p_payment_intent_id, status = 'awaiting_payment' where id = p_checkout_id;
  update inventory_reservations set payment_intent_id = p_payment_intent_id where checkout_id = p_checkout_id;
  return true;
end
$function$;
comment on function bind_payment_intent(p_checkout_id uuid, p_payment_intent_id text) is 'Write-once. True: bound now, or to the same id before. False: the checkout closed unbound. HF004: bound to another id (detail), HF006: no such checkout.';

CREATE OR REPLACE FUNCTION public.checkout_is_open(p_status text)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  select p_status in ('opening', 'awaiting_payment', 'payment_processing');
$function$;
comment on function checkout_is_open(p_status text) is NULL;

CREATE OR REPLACE FUNCTION public.checkout_may_move(p_from text, p_to text)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
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
$function$;
comment on function checkout_may_move(p_from text, p_to text) is NULL;

CREATE OR REPLACE FUNCTION public.checkouts_guard()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
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
$function$;
comment on function checkouts_guard() is NULL;

CREATE OR REPLACE FUNCTION public.checkouts_refuse_delete()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
begin
  raise exception using errcode = 'HF010', message = 'a checkout cannot be deleted';
end
$function$;
comment on function checkouts_refuse_delete() is NULL;

CREATE OR REPLACE FUNCTION public.cleanup_expired_reservations()
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
AS $function$
declare
  v_now timestamptz;
  v_dead uuid[];
begin
  perform _require_read_committed();
  v_now := clock_timestamp();
  v_dead := array(
    select id from reclaimable_reservations
    where reclaim_after <= v_now
    order by reclaim_after
    limit 5000
    for update skip locked
  );
  return _end_holds(v_dead, 'expired');
end
$function$;
comment on function cleanup_expired_reservations() is 'Expires at most 5,000 dead holds and gives their units back. Answers how many; 0 means nothing was due.';

CREATE OR REPLACE FUNCTION public.close_events(p_checkout_id uuid, p_event_ids text[])
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
AS $function$
declare
  v_unjudged integer;
begin
  perform _begin_checkout(p_checkout_id);
  perform _judge_events(p_checkout_id, p_event_ids, 'no_effect');
  select count(*) into v_unjudged from webhook_events where checkout_id = p_checkout_id and outcome is null;
  return v_unjudged;
end
$function$;
comment on function close_events(p_checkout_id uuid, p_event_ids text[]) is 'Marks events that changed nothing. Answers how many events of the checkout nobody has judged yet.';

CREATE OR REPLACE FUNCTION public.close_unbound_checkout(p_checkout_id uuid, p_request_fingerprint text, p_failure_code text, OUT outcome text, OUT status text, OUT failure_code text, OUT payment_intent_id text)
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
AS $function$
declare
  v_checkout checkouts%rowtype;
begin
  perform _begin_checkout(p_checkout_id);
  v_checkout := _find_checkout(p_checkout_id, p_request_fingerprint);
  if v_checkout.id is null then
    -- A tombstone: an open that is still on its way finds it and stays closed.
    insert into checkouts as c (id, request_fingerprint, status, failure_code)
    values (p_checkout_id, p_request_fingerprint, 'refused', p_failure_code);
  elsif v_checkout.status = 'opening' then
    perform _release_own_holds(p_checkout_id, 'released');
    update checkouts c set status = 'refused', failure_code = p_failure_code where c.id = p_checkout_id;
  end if;
  v_checkout := _get_checkout(p_checkout_id);
  outcome := case when checkout_is_open(v_checkout.status) then 'bound' else 'closed' end;
  status := v_checkout.status;
  failure_code := v_checkout.failure_code;
  payment_intent_id := v_checkout.payment_intent_id;
end
$function$;
comment on function close_unbound_checkout(p_checkout_id uuid, p_request_fingerprint text, p_failure_code text, OUT outcome text, OUT status text, OUT failure_code text, OUT payment_intent_id text) is 'Refuses a checkout that has no PaymentIntent and releases its units, in one transaction; without a row it leaves a tombstone. One that is bound and open is left alone and its PaymentIntent returned.';

CREATE OR REPLACE FUNCTION public.confirm_checkout(p_checkout_id uuid, p_payment_intent_id text, p_event_ids text[], OUT status text, OUT failure_code text, OUT order_id uuid)
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
AS $function$
declare
  v_checkout checkouts%rowtype;
begin
  v_checkout := _begin_settlement(p_checkout_id);
  if v_checkout.status = 'refused' then
    raise exception using
      errcode = 'HF007', message = 'this checkout has no PaymentIntent bound', detail = v_checkout.status;
  end if;
  if v_checkout.payment_intent_id is distinct from p_payment_intent_id then
    raise exception using
      errcode = 'HF008', message = 'this checkout is bound to another PaymentIntent',
      detail = v_checkout.payment_intent_id;
  end if;
  if v_checkout.status in ('confirmed', 'refund_pending', 'refunded') then
    perform _judge_events(p_checkout_id, p_event_ids, 'no_effect');
  elsif _reclaim_lost_lines(v_checkout) then
    update inventory_reservations r set status = 'confirmed' where r.checkout_id = p_checkout_id;
    perform _create_order(v_checkout);
    update checkouts c set status = 'confirmed', failure_code = null where c.id = p_checkout_id;
    perform _judge_events(p_checkout_id, p_event_ids, 'confirmed');
  else
    perform _release_own_holds(p_checkout_id, 'released');
    insert into refunds (request_key, checkout_id, payment_intent_id, amount_minor, currency)
    values (
      'late:' || p_checkout_id, p_checkout_id, v_checkout.payment_intent_id, v_checkout.amount_minor,
      v_checkout.currency);
    update checkouts c
    set status = 'refund_pending', failure_code = 'sold_out_after_payment'
    where c.id = p_checkout_id;
    perform _judge_events(p_checkout_id, p_event_ids, 'refund_pending');
  end if;
  select a.status, a.failure_code, a.order_id into status, failure_code, order_id
  from _settlement_answer(p_checkout_id) a;
end
$function$;
comment on function confirm_checkout(p_checkout_id uuid, p_payment_intent_id text, p_event_ids text[], OUT status text, OUT failure_code text, OUT order_id uuid) is 'The money is in: confirms the units and writes the order, or decides on one refund when they are gone. Repeating it changes nothing. HF006: no such checkout, HF007: never bound, HF008: another PaymentIntent.';

CREATE OR REPLACE FUNCTION public.confirm_checkouts(p_checkout_ids uuid[], p_payment_intent_ids text[], p_event_owners integer[], p_event_ids text[])
 RETURNS TABLE(member integer, outcome text, status text, failure_code text, order_id uuid)
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
AS $function$
declare
  v_ids uuid[];
begin
  perform _require_read_committed();
  perform _lock_checkouts(p_checkout_ids);
  perform 1 from inventory_reservations r where r.checkout_id = any (p_checkout_ids) order by r.id for update;
  v_ids := _plain_confirms(p_checkout_ids, p_payment_intent_ids);

  update inventory_reservations r set status = 'confirmed' where r.checkout_id = any (v_ids);
  insert into orders (checkout_id, customer_id, payment_intent_id, amount_minor, currency)
  select c.id, c.customer_id, c.payment_intent_id, c.amount_minor, c.currency from checkouts c where c.id = any (v_ids);
  insert into order_items (order_id, drop_product_id, product_name, unit_price_minor, quantity)
  select o.id, l.drop_product_id, l.product_name, l.unit_price_minor, l.quantity
  from orders o
  join checkout_lines l on l.checkout_id = o.checkout_id
  where o.checkout_id = any (v_ids);
  update checkouts c set status = 'confirmed', failure_code = null where c.id = any (v_ids);
  update webhook_events e
  set outcome = 'confirmed', judged_at = clock_timestamp()
  from unnest(p_event_owners, p_event_ids) as judged (owner, event_id)
  where e.event_id = judged.event_id and e.checkout_id = p_checkout_ids[judged.owner] and e.checkout_id = any (v_ids)
    and e.outcome is null;

  return query
    select m.position::integer, case when c.id is null then 'single' else 'answered' end, c.status, c.failure_code, o.id
    from unnest(p_checkout_ids) with ordinality as m (id, position)
    left join checkouts c on c.id = m.id and c.id = any (v_ids)
    left join orders o on o.checkout_id = c.id
    order by m.position;
end
$function$;
comment on function confirm_checkouts(p_checkout_ids uuid[], p_payment_intent_ids text[], p_event_owners integer[], p_event_ids text[]) is 'confirm_checkout for a batch; p_event_owners names the member of each event. Outcome single: nothing was done for this member, call confirm_checkout.';

CREATE OR REPLACE FUNCTION public.confirm_inventory_reservations(p_payment_intent_id text)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
AS $function$
declare
  v_now timestamptz;
  v_held uuid[];
  v_alive boolean;
begin
  perform _begin_bare(p_payment_intent_id);
  -- Whoever reclaims takes the same row locks, so this instant decides between the two.
  v_now := clock_timestamp();
  select array_agg(id), bool_and(reclaim_after > v_now)
  into v_held, v_alive
  from inventory_reservations
  where payment_intent_id = p_payment_intent_id and status = 'held';
  if v_held is null then
    return exists (
      select 1 from inventory_reservations where payment_intent_id = p_payment_intent_id and status = 'confirmed');
  end if;
  if not v_alive then
    perform _end_holds(v_held, 'expired');
    return false;
  end if;
  -- The units left the counter when they were held; it is not touched again.
  update inventory_reservations set status = 'confirmed' where id = any (v_held);
  return true;
end
$function$;
comment on function confirm_inventory_reservations(p_payment_intent_id text) is 'True: the hold was alive and is confirmed, or was confirmed before. False: nothing held, released, or too late (a late hold is expired at once and its units are free again).';

CREATE OR REPLACE FUNCTION public.drop_products_follow_total()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
begin
  if tg_op = 'INSERT' then
    new.available_inventory := coalesce(new.available_inventory, new.total_inventory);
    if new.available_inventory <> new.total_inventory then
      raise exception using errcode = '23514', message = 'a new product has all its units available';
    end if;
  elsif new.available_inventory = old.available_inventory then
    new.available_inventory := old.available_inventory + new.total_inventory - old.total_inventory;
  end if;
  return new;
end
$function$;
comment on function drop_products_follow_total() is NULL;

CREATE OR REPLACE FUNCTION public.drop_products_journal_total()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
declare
  v_units integer := new.total_inventory;
begin
  if tg_op = 'UPDATE' then
    v_units := new.total_inventory - old.total_inventory;
  end if;
  if v_units <> 0 then
    insert into inventory_journal (drop_product_id, kind, units) values (new.id, 'total', v_units);
  end if;
  return null;
end
$function$;
comment on function drop_products_journal_total() is NULL;

CREATE OR REPLACE FUNCTION public.drop_products_refuse_delete()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
begin
  if exists (
    select 1 from inventory_reservations where drop_product_id = old.id and status in ('held', 'confirmed')
  ) then
    raise exception using
      errcode = 'HF010', message = 'a product with held or confirmed units cannot be deleted', detail = old.id::text;
  end if;
  return old;
end
$function$;
comment on function drop_products_refuse_delete() is NULL;

CREATE OR REPLACE FUNCTION public.drops_guard_currency()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
begin
  if not exists (select 1 from currencies where code = new.currency) then
    raise exception using
      errcode = 'HF012', detail = new.currency, message = format('nothing is sold in %s', new.currency),
      hint = 'The table currencies lists what is; it takes no currency whose minor unit is ambiguous at Stripe.';
  end if;
  return new;
end
$function$;
comment on function drops_guard_currency() is NULL;

CREATE OR REPLACE FUNCTION public.extend_checkout(p_checkout_id uuid, p_request_key text, p_seconds integer, OUT outcome text)
 RETURNS text
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
declare
  v_seconds_max constant integer := 600;
  v_checkout checkouts%rowtype;
begin
  perform _begin_checkout(p_checkout_id);
  v_checkout := _get_checkout(p_checkout_id);
  outcome := case
    when exists (select 1 from checkout_extensions where request_key = p_request_key) then 'known'
    when not checkout_is_open(v_checkout.status) then 'checkout_closed'
    when v_checkout.status = 'opening' then 'still_opening'
    when clock_timestamp() >= v_checkout.expires_at then 'deadline_passed'
    when p_seconds + coalesce(
        (select sum(seconds) from checkout_extensions where checkout_id = p_checkout_id), 0) > v_seconds_max
      then 'extension_too_long'
    else 'extended'
  end;
  if outcome = 'extended' then
    insert into checkout_extensions (request_key, checkout_id, seconds) values (p_request_key, p_checkout_id, p_seconds);
    update checkouts set expires_at = expires_at + make_interval(secs => p_seconds) where id = p_checkout_id;
    -- One payment has one deadline; only what is still held has a lease.
    update inventory_reservations
    set
      expires_at = expires_at + make_interval(secs => p_seconds),
      reclaim_after = reclaim_after + make_interval(secs => case status when 'held' then p_seconds else 0 end)
    where checkout_id = p_checkout_id;
  elsif outcome = 'known' then
    outcome := 'extended';
  end if;
end
$function$;
comment on function extend_checkout(p_checkout_id uuid, p_request_key text, p_seconds integer, OUT outcome text) is 'Moves payment deadline and lease of an open checkout, once per key, at most 600 s in all. extended, or why not: checkout_closed, still_opening, deadline_passed, extension_too_long. HF006: no such checkout.';

CREATE OR REPLACE FUNCTION public.find_inventory_drift(p_max integer DEFAULT 100)
 RETURNS TABLE(kind text, drop_product_id uuid, checkout_id uuid, detail jsonb)
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  select kind, drop_product_id, checkout_id, detail from inventory_drift limit p_max;
$function$;
comment on function find_inventory_drift(p_max integer) is 'Every contradiction between counters, journal, reservations, checkouts and orders, by name. Empty: nothing is broken.';

CREATE OR REPLACE FUNCTION public.finish_operation(p_operation_id uuid, p_outcome text, p_refusal text, p_result jsonb)
 RETURNS admin_operations
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
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
$function$;
comment on function finish_operation(p_operation_id uuid, p_outcome text, p_refusal text, p_result jsonb) is 'What came of it, with how it stands now; the first answer stays.';

CREATE OR REPLACE FUNCTION public.inventory_reservations_guard()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
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
$function$;
comment on function inventory_reservations_guard() is NULL;

CREATE OR REPLACE FUNCTION public.inventory_reservations_journal_insert()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
begin
  insert into inventory_journal (drop_product_id, kind, units, reservations)
  select drop_product_id, 'reserve', sum(quantity), count(*)
  from moved
  group by drop_product_id;
  return null;
end
$function$;
comment on function inventory_reservations_journal_insert() is NULL;

CREATE OR REPLACE FUNCTION public.inventory_reservations_journal_update()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET enable_nestloop TO 'off'
AS $function$
begin
  insert into inventory_journal (drop_product_id, kind, units, reservations)
  select drop_product_id, kind, sum(quantity), count(*)
  from (
    select
      a.drop_product_id,
      case when a.status <> b.status then a.quantity else a.returned_quantity - b.returned_quantity end as quantity,
      case
        when a.status = b.status then 'return'
        when a.status = 'held' then 'reserve'
        when a.status = 'released' then 'release'
        when a.status = 'expired' then 'expire'
        when b.status = 'held' then 'confirm'
        else 'reclaim'
      end as kind
    from after_move a
    join before_move b using (id)
    where a.status <> b.status or a.returned_quantity <> b.returned_quantity
  ) as moves
  group by drop_product_id, kind;
  return null;
end
$function$;
comment on function inventory_reservations_journal_update() is NULL;

CREATE OR REPLACE FUNCTION public.inventory_reservations_refuse_delete()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
begin
  if old.status in ('held', 'confirmed') then
    raise exception using errcode = 'HF010', message = format('a %s reservation cannot be deleted', old.status);
  end if;
  return old;
end
$function$;
comment on function inventory_reservations_refuse_delete() is NULL;

CREATE OR REPLACE FUNCTION public.open_checkout(p_checkout_id uuid, p_request_fingerprint text, p_customer_id text, p_lines jsonb, p_window_seconds integer, p_reclaim_grace_seconds integer, p_payment_attempts_max integer, OUT outcome text, OUT status text, OUT failure_code text, OUT order_id uuid, OUT amount_minor bigint, OUT currency text, OUT payment_intent_id text, OUT opened_at_unix_seconds bigint, OUT reservation_ids uuid[])
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
AS $function$
declare
  v_known checkouts%rowtype;
  v_ids uuid[];
  v_quantities integer[];
  v_taken record;
  v_now timestamptz;
  v_expires_at timestamptz;
begin
  perform _require_read_committed();
  perform _lock_checkout(p_checkout_id);
  v_known := _find_checkout(p_checkout_id, p_request_fingerprint);
  if v_known.id is null then
    select product_ids, quantities into v_ids, v_quantities from _parse_lines(p_lines);
    select * into v_taken from _take_for_checkout(p_customer_id, v_ids, v_quantities);
    v_now := clock_timestamp();
    if v_taken.failure_code is not null then
      insert into checkouts as c
        (id, request_fingerprint, customer_id, status, failure_code, failure_detail, opened_at)
      values (
        p_checkout_id, p_request_fingerprint, p_customer_id, 'refused', v_taken.failure_code, v_taken.failure_detail,
        v_now);
    else
      -- Read after every lock: a buyer who waited for one still gets the whole window.
      v_expires_at := v_now + make_interval(secs => p_window_seconds);
      insert into checkouts as c
        (id, request_fingerprint, customer_id, status, amount_minor, currency, window_seconds, payment_attempts_max,
         opened_at, expires_at)
      values (
        p_checkout_id, p_request_fingerprint, p_customer_id, 'opening', v_taken.amount_minor, v_taken.currency,
        p_window_seconds, p_payment_attempts_max, v_now, v_expires_at);
      insert into checkout_lines (checkout_id, drop_product_id, product_name, unit_price_minor, quantity)
      select p_checkout_id, p.id, p.name, p.unit_price_minor, line.units
      from unnest(v_ids, v_quantities) as line (id, units)
      join drop_products p on p.id = line.id;
      insert into inventory_reservations
        (drop_product_id, quantity, payment_intent_id, expires_at, created_at, checkout_id, reclaim_after)
      select
        line.id, line.units, 'checkout:' || p_checkout_id, v_expires_at, v_now, p_checkout_id,
        v_expires_at + make_interval(secs => p_reclaim_grace_seconds)
      from unnest(v_ids, v_quantities) as line (id, units);
    end if;
  end if;
  select a.outcome, a.status, a.failure_code, a.order_id, a.amount_minor, a.currency, a.payment_intent_id,
    a.opened_at_unix_seconds, a.reservation_ids
  into outcome, status, failure_code, order_id, amount_minor, currency, payment_intent_id, opened_at_unix_seconds,
    reservation_ids
  from _open_answer(p_checkout_id) a;
end
$function$;
comment on function open_checkout(p_checkout_id uuid, p_request_fingerprint text, p_customer_id text, p_lines jsonb, p_window_seconds integer, p_reclaim_grace_seconds integer, p_payment_attempts_max integer, OUT outcome text, OUT status text, OUT failure_code text, OUT order_id uuid, OUT amount_minor bigint, OUT currency text, OUT payment_intent_id text, OUT opened_at_unix_seconds bigint, OUT reservation_ids uuid[]) is 'Opens a checkout with every line held, or writes it as refused. A known id is answered from its row. Raises HF009 when the id was opened with another request, 22023 for malformed lines.';

CREATE OR REPLACE FUNCTION public.open_checkout_check_only(p_checkout_id uuid, p_request_fingerprint text, p_customer_id text, p_lines jsonb, p_window_seconds integer, p_reclaim_grace_seconds integer, p_payment_attempts_max integer, OUT outcome text, OUT status text, OUT failure_code text, OUT order_id uuid, OUT amount_minor bigint, OUT currency text, OUT payment_intent_id text, OUT opened_at_unix_seconds bigint, OUT reservation_ids uuid[])
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
AS $function$
declare
  v_is_known boolean;
begin
  perform _require_read_committed();
  perform _lock_checkout(p_checkout_id);
  v_is_known := exists (select 1 from checkouts c where c.id = p_checkout_id);
  select o.outcome, o.status, o.failure_code, o.order_id, o.amount_minor, o.currency, o.payment_intent_id,
    o.opened_at_unix_seconds, o.reservation_ids
  into outcome, status, failure_code, order_id, amount_minor, currency, payment_intent_id, opened_at_unix_seconds,
    reservation_ids
  from open_checkout(
    p_checkout_id, p_request_fingerprint, p_customer_id, p_lines, p_window_seconds, p_reclaim_grace_seconds,
    p_payment_attempts_max) o;
  if not v_is_known and outcome = 'opened' then
    update checkouts c set is_check_only = true where c.id = p_checkout_id;
    perform _release_own_holds(p_checkout_id, 'released');
  end if;
end
$function$;
comment on function open_checkout_check_only(p_checkout_id uuid, p_request_fingerprint text, p_customer_id text, p_lines jsonb, p_window_seconds integer, p_reclaim_grace_seconds integer, p_payment_attempts_max integer, OUT outcome text, OUT status text, OUT failure_code text, OUT order_id uuid, OUT amount_minor bigint, OUT currency text, OUT payment_intent_id text, OUT opened_at_unix_seconds bigint, OUT reservation_ids uuid[]) is 'Opens a checkout whose lines are all free at this moment, and holds none of them; or writes it as refused. Raises as open_checkout.';

CREATE OR REPLACE FUNCTION public.open_checkouts(p_checkout_ids uuid[], p_request_fingerprints text[], p_customer_ids text[], p_window_seconds integer[], p_reclaim_grace_seconds integer[], p_payment_attempts_max integer[], p_line_owners integer[], p_line_product_ids uuid[], p_line_quantities integer[])
 RETURNS TABLE(member integer, outcome text, status text, failure_code text, order_id uuid, amount_minor bigint, currency text, payment_intent_id text, opened_at_unix_seconds bigint, reservation_ids uuid[])
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
AS $function$
declare
  v_known uuid[];
  v_owners integer[] := p_line_owners;
  v_ids uuid[] := p_line_product_ids;
  v_units integer[] := p_line_quantities;
  v_now timestamptz;
  v_amounts bigint[];
  v_currencies text[];
  v_codes text[];
  v_details jsonb[];
  v_reserved_by uuid[];
  v_reservation_ids uuid[];
begin
  perform _require_read_committed();
  perform _lock_checkouts(p_checkout_ids);
  v_known := _known_checkouts(p_checkout_ids);
  if v_known <> '{}' then
    return query
      select
        m.position::integer, case when c.request_fingerprint = m.fingerprint then a.outcome else 'single' end, a.status,
        a.failure_code, a.order_id, a.amount_minor, a.currency, a.payment_intent_id, a.opened_at_unix_seconds,
        a.reservation_ids
      from unnest(p_checkout_ids, p_request_fingerprints) with ordinality as m (id, fingerprint, position)
      join checkouts c on c.id = m.id
      join checkout_open_answers a on a.checkout_id = m.id
      where m.id = any (v_known);
    select array_agg(l.owner order by n), array_agg(l.id order by n), array_agg(l.units order by n)
    into v_owners, v_ids, v_units
    from unnest(p_line_owners, p_line_product_ids, p_line_quantities) with ordinality as l (owner, id, units, n)
    where p_checkout_ids[l.owner] <> all (v_known);
  end if;
  if cardinality(v_owners) > 0 then
    perform _lock_customers(array(select p_customer_ids[owner] from unnest(v_owners) as owner), v_ids);
    v_now := clock_timestamp();
    select q.amounts_minor, q.currencies into v_amounts, v_currencies
    from _quote_all(p_customer_ids, v_owners, v_ids, v_units, v_now) q;
    if v_amounts is not null then
      begin
        select w.reserved_by, w.reservation_ids into v_reserved_by, v_reservation_ids
        from _write_batch(
          p_checkout_ids, p_request_fingerprints, p_customer_ids, p_window_seconds, p_reclaim_grace_seconds,
          p_payment_attempts_max, v_amounts, v_currencies, v_codes, v_details, v_owners, v_ids, v_units, v_now) w;
        perform _take_quoted(v_ids, v_units);
      exception when sqlstate 'HF013' then
        v_amounts := null;
      end;
    end if;
    if v_amounts is null then
      perform _lock_batch_products(p_customer_ids, v_ids, clock_timestamp());
      -- Read after every lock: a buyer who waited for one still gets the whole window.
      v_now := clock_timestamp();
      select d.amounts_minor, d.currencies, d.failure_codes, d.failure_details
      into v_amounts, v_currencies, v_codes, v_details
      from _decide_batch(p_customer_ids, v_owners, v_ids, v_units, v_now) d;
      select w.reserved_by, w.reservation_ids into v_reserved_by, v_reservation_ids
      from _write_batch(
        p_checkout_ids, p_request_fingerprints, p_customer_ids, p_window_seconds, p_reclaim_grace_seconds,
        p_payment_attempts_max, v_amounts, v_currencies, v_codes, v_details, v_owners, v_ids, v_units, v_now) w;
    end if;
  end if;
  -- From what was written, instead of reading it back.
  return query
    select
      m.position::integer,
      case when m.amount_minor is not null then 'opened' when m.failure_code is not null then 'closed' else 'single' end,
      case when m.amount_minor is not null then 'opening' when m.failure_code is not null then 'refused' end,
      m.failure_code, null::uuid, m.amount_minor, m.currency, null::text, floor(extract(epoch from v_now))::bigint,
      case when m.amount_minor is not null then w.reservation_ids else '{}' end
    from unnest(p_checkout_ids, v_amounts, v_currencies, v_codes) with ordinality
      as m (id, amount_minor, currency, failure_code, position)
    left join (
      select r.checkout_id, array_agg(r.id order by r.n) as reservation_ids
      from unnest(v_reserved_by, v_reservation_ids) with ordinality as r (checkout_id, id, n)
      group by r.checkout_id
    ) as w on w.checkout_id = m.id
    where m.id <> all (v_known);
end
$function$;
comment on function open_checkouts(p_checkout_ids uuid[], p_request_fingerprints text[], p_customer_ids text[], p_window_seconds integer[], p_reclaim_grace_seconds integer[], p_payment_attempts_max integer[], p_line_owners integer[], p_line_product_ids uuid[], p_line_quantities integer[]) is 'open_checkout for a batch: member n of the answer is member n of the arrays; p_line_owners names the member of each line. Outcome single: nothing was done for this member, call open_checkout. Decides first come, first served.';

CREATE OR REPLACE FUNCTION public.purge_ended_reservations(p_older_than_days integer DEFAULT 30)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
AS $function$
declare
  v_before timestamptz := clock_timestamp() - make_interval(days => p_older_than_days);
  v_purged integer;
begin
  perform _require_read_committed();
  if p_older_than_days is null or p_older_than_days < 1 then
    raise exception using errcode = '22023', message = 'p_older_than_days must be 1 or more';
  end if;
  with old as (
    select id from inventory_reservations
    where status in ('released', 'expired') and expires_at < v_before
    order by expires_at
    limit 5000
    for update skip locked
  )
  delete from inventory_reservations r using old where r.id = old.id;
  get diagnostics v_purged = row_count;
  delete from maintenance_runs where finished_at < v_before;
  return v_purged;
end
$function$;
comment on function purge_ended_reservations(p_older_than_days integer) is 'Deletes at most 5,000 released and expired reservations whose deadline is that many days back, and answers how many.';

CREATE OR REPLACE FUNCTION public.read_availability(p_product_ids uuid[])
 RETURNS TABLE(drop_product_id uuid, name text, available integer, has_dead_holds boolean, is_open boolean)
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
AS $function$
declare
  v_now timestamptz := clock_timestamp();
begin
  return query
    select p.id, p.name, p.available_inventory,
      exists (select 1 from reclaimable_reservations r where r.drop_product_id = p.id and r.reclaim_after <= v_now),
      d.opens_at <= v_now and v_now < coalesce(d.closes_at, 'infinity')
    from unnest(p_product_ids) as asked (id)
    join drop_products p on p.id = asked.id
    join drops d on d.id = p.drop_id;
end
$function$;
comment on function read_availability(p_product_ids uuid[]) is NULL;

CREATE OR REPLACE FUNCTION public.record_decline(p_checkout_id uuid, p_event_id text, p_attempt_id text, p_error_code text, p_decline_code text, p_advice_code text)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
AS $function$
declare
  v_attempts integer;
begin
  perform _begin_checkout(p_checkout_id);
  perform _get_checkout(p_checkout_id);
  insert into payment_attempts (checkout_id, attempt_id, event_id, error_code, decline_code, advice_code)
  values (p_checkout_id, p_attempt_id, p_event_id, p_error_code, p_decline_code, p_advice_code)
  on conflict do nothing;
  -- A decline that is known already says nothing new: it must not undo what happened since.
  if found then
    update checkouts
    set
      last_error_code = p_error_code,
      last_decline_code = p_decline_code,
      status = case status when 'payment_processing' then 'awaiting_payment' else status end
    where id = p_checkout_id;
  end if;
  perform _judge_events(p_checkout_id, array[p_event_id], 'attempt');
  select count(*) into v_attempts from payment_attempts where checkout_id = p_checkout_id;
  return v_attempts;
end
$function$;
comment on function record_decline(p_checkout_id uuid, p_event_id text, p_attempt_id text, p_error_code text, p_decline_code text, p_advice_code text) is 'Counts a declined attempt once, by its id. Answers how many different attempts there were.';

CREATE OR REPLACE FUNCTION public.record_money(p_checkout_id uuid, p_refunds jsonb, p_disputed_at timestamp with time zone, p_event_ids text[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
declare
  v_checkout checkouts%rowtype;
  v_refund record;
  v_key text;
begin
  perform _begin_checkout(p_checkout_id);
  v_checkout := _get_checkout(p_checkout_id);
  for v_refund in
    select * from jsonb_to_recordset(p_refunds)
      as r (id text, request_key text, amount_minor bigint, state text, failure_reason text)
  loop
    select f.request_key into v_key from refunds f
    where f.checkout_id = p_checkout_id
      and (f.stripe_refund_id = v_refund.id
        or (f.stripe_refund_id is null and f.request_key = v_refund.request_key));
    if not found then
      v_key := 'dashboard:' || v_refund.id;
      insert into refunds (request_key, checkout_id, payment_intent_id, amount_minor, currency, origin)
      values (
        v_key, p_checkout_id, v_checkout.payment_intent_id, v_refund.amount_minor, v_checkout.currency, 'dashboard');
    end if;
    perform _set_refund(v_key, v_refund.id, v_refund.state, v_refund.failure_reason);
  end loop;
  if p_disputed_at is not null then
    perform _record_dispute(p_checkout_id, p_disputed_at);
  else
    perform _end_disputes(p_checkout_id);
  end if;
  perform _judge_events(p_checkout_id, p_event_ids, 'recorded');
end
$function$;
comment on function record_money(p_checkout_id uuid, p_refunds jsonb, p_disputed_at timestamp with time zone, p_event_ids text[]) is 'Stripe''s refunds [{id, request_key, amount_minor, state, failure_reason}] and first dispute, open or lost, of a checkout''s payment. Repeating it changes nothing. HF006: no such checkout.';

CREATE OR REPLACE FUNCTION public.record_processing(p_checkout_id uuid, p_event_id text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
AS $function$
begin
  perform _begin_checkout(p_checkout_id);
  perform _get_checkout(p_checkout_id);
  update checkouts set status = 'payment_processing' where id = p_checkout_id and status = 'awaiting_payment';
  perform _judge_events(p_checkout_id, array[p_event_id], 'processing');
end
$function$;
comment on function record_processing(p_checkout_id uuid, p_event_id text) is NULL;

CREATE OR REPLACE FUNCTION public.record_refund(p_request_key text, p_stripe_refund_id text, p_state text, p_failure_reason text, OUT state text, OUT status text)
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
declare
  v_checkout_id uuid;
begin
  perform _require_read_committed();
  select checkout_id into v_checkout_id from refunds where request_key = p_request_key;
  if not found then
    raise exception using errcode = 'HF006', message = 'no such refund', detail = p_request_key;
  end if;
  perform _begin_checkout(v_checkout_id);
  perform _set_refund(p_request_key, p_stripe_refund_id, p_state, p_failure_reason);
  select r.state, c.status into state, status
  from refunds r join checkouts c on c.id = r.checkout_id where r.request_key = p_request_key;
end
$function$;
comment on function record_refund(p_request_key text, p_stripe_refund_id text, p_state text, p_failure_reason text, OUT state text, OUT status text) is 'What Stripe says of a refund. Succeeded moves order, checkout and named units along; failed opens an incident.';

CREATE OR REPLACE FUNCTION public.release_checkout(p_checkout_id uuid, p_status text, p_failure_code text, p_event_ids text[], OUT status text, OUT failure_code text, OUT order_id uuid)
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
AS $function$
declare
  v_checkout checkouts%rowtype;
begin
  if p_status not in ('expired', 'canceled', 'payment_failed') then
    raise exception using errcode = '22023', message = format('a checkout is not released as %s', p_status);
  end if;
  v_checkout := _begin_settlement(p_checkout_id);
  if checkout_is_open(v_checkout.status) then
    perform _release_own_holds(p_checkout_id, case p_status when 'expired' then 'expired' else 'released' end);
    update checkouts c set status = p_status, failure_code = p_failure_code where c.id = p_checkout_id;
    perform _judge_events(p_checkout_id, p_event_ids, 'released');
  else
    perform _judge_events(p_checkout_id, p_event_ids, 'no_effect');
  end if;
  select a.status, a.failure_code, a.order_id into status, failure_code, order_id
  from _settlement_answer(p_checkout_id) a;
end
$function$;
comment on function release_checkout(p_checkout_id uuid, p_status text, p_failure_code text, p_event_ids text[], OUT status text, OUT failure_code text, OUT order_id uuid) is 'Closes a bound checkout whose payment has ended without money and gives its units back. A closed one is left as it is. HF006: no such checkout, HF007: never bound (see close_unbound_checkout).';

CREATE OR REPLACE FUNCTION public.release_inventory_reservations(p_payment_intent_id text)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
AS $function$
declare
  v_statuses text[];
begin
  perform _begin_bare(p_payment_intent_id);
  v_statuses := array(
    select distinct status from inventory_reservations where payment_intent_id = p_payment_intent_id);
  if 'held' = any (v_statuses) then
    perform _end_holds(
      array(
        select id from inventory_reservations where payment_intent_id = p_payment_intent_id and status = 'held'),
      'released');
    return true;
  end if;
  return cardinality(v_statuses) > 0 and not 'confirmed' = any (v_statuses);
end
$function$;
comment on function release_inventory_reservations(p_payment_intent_id text) is 'True: the hold is released, or had ended before. False: there was none, or it is confirmed (sold units do not come back this way).';

CREATE OR REPLACE FUNCTION public.renew_lease(p_checkout_id uuid, p_reclaim_grace_seconds integer, p_hold_max_seconds integer, OUT payment_intent_id text, OUT status text, OUT renewed boolean, OUT grace_exceeded boolean, OUT hold_max_reached boolean)
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
AS $function$
declare
  v_checkout checkouts%rowtype;
  v_now timestamptz;
begin
  perform _begin_checkout(p_checkout_id);
  v_checkout := _get_checkout(p_checkout_id);
  v_now := clock_timestamp();
  payment_intent_id := v_checkout.payment_intent_id;
  status := v_checkout.status;
  grace_exceeded := coalesce(
    v_now > v_checkout.expires_at + make_interval(secs => p_reclaim_grace_seconds), false);
  hold_max_reached := coalesce(
    v_now >= v_checkout.expires_at + make_interval(secs => p_hold_max_seconds), false);
  renewed := false;
  if checkout_is_open(status) and not hold_max_reached then
    -- Lapsed or not, a unit still held is renewed; a lease is never shortened.
    update inventory_reservations r
    set reclaim_after = greatest(r.reclaim_after, v_now + make_interval(secs => p_reclaim_grace_seconds))
    where r.checkout_id = p_checkout_id and r.status = 'held';
    renewed := found;
  end if;
end
$function$;
comment on function renew_lease(p_checkout_id uuid, p_reclaim_grace_seconds integer, p_hold_max_seconds integer, OUT payment_intent_id text, OUT status text, OUT renewed boolean, OUT grace_exceeded boolean, OUT hold_max_reached boolean) is 'Keeps an open checkout''s held units from being taken back until now + grace. Stops at deadline + hold max.';

CREATE OR REPLACE FUNCTION public.replay_event(p_event_id text, OUT checkout_id uuid, OUT signal jsonb, OUT outcome text)
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
begin
  perform _require_read_committed();
  update webhook_events e set tries = 0, quarantined_at = null, driven_at = clock_timestamp()
  where e.event_id = p_event_id and e.outcome is null and e.checkout_id is not null;
  select e.checkout_id, e.signal, e.outcome into checkout_id, signal, outcome
  from webhook_events e where e.event_id = p_event_id;
end
$function$;
comment on function replay_event(p_event_id text, OUT checkout_id uuid, OUT signal jsonb, OUT outcome text) is 'Clears quarantine and tries. No checkout: nobody judges it. An outcome: it has been judged, and nothing was changed.';

CREATE OR REPLACE FUNCTION public.request_refund(p_request_key text, p_checkout_id uuid, p_amount_minor bigint, p_returned_lines jsonb, p_requested_by text, p_reason text, OUT outcome text, OUT amount_minor bigint)
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
declare
  v_checkout checkouts%rowtype;
  v_known refunds%rowtype;
  v_left bigint;
  v_lines record;
begin
  perform _begin_checkout(p_checkout_id);
  v_checkout := _get_checkout(p_checkout_id);
  select * into v_known from refunds where request_key = p_request_key;
  if found then
    amount_minor := v_known.amount_minor;
    outcome := case
      when v_known.checkout_id <> p_checkout_id or v_known.amount_minor <> coalesce(p_amount_minor, v_known.amount_minor)
        then 'key_reused'
      else 'decided'
    end;
    return;
  end if;
  select v_checkout.amount_minor - coalesce(sum(f.amount_minor), 0) into v_left
  from refunds f where f.checkout_id = p_checkout_id and f.state <> 'failed';
  amount_minor := coalesce(p_amount_minor, v_left);
  select * into v_lines from _lines_to_return(p_checkout_id, p_returned_lines);
  outcome := case
    when v_checkout.status not in ('confirmed', 'refund_pending') then 'not_paid'
    when exists (select 1 from orders o where o.checkout_id = p_checkout_id and o.disputed_at is not null)
      then 'disputed'
    when v_left <= 0 then 'nothing_left'
    when amount_minor not between 1 and v_left then 'amount_too_large'
    when not v_lines.is_possible then 'units_not_sold'
    else 'decided'
  end;
  if outcome <> 'decided' then
    return;
  end if;
  insert into refunds
    (request_key, checkout_id, payment_intent_id, amount_minor, currency, origin, requested_by, reason)
  values (
    p_request_key, p_checkout_id, v_checkout.payment_intent_id, amount_minor, v_checkout.currency, 'operator',
    p_requested_by, p_reason);
  insert into refund_lines (request_key, drop_product_id, quantity)
  select p_request_key, line.id, line.units from unnest(v_lines.product_ids, v_lines.quantities) as line (id, units);
end
$function$;
comment on function request_refund(p_request_key text, p_checkout_id uuid, p_amount_minor bigint, p_returned_lines jsonb, p_requested_by text, p_reason text, OUT outcome text, OUT amount_minor bigint) is 'An operator''s decision: how much (null: all that is left), which units come back ([], lines, or "all"), who and why. A known key answers as before. Nothing is written unless decided. HF006: no such checkout.';

CREATE OR REPLACE FUNCTION public.reserve_inventory_for_payment(p_payment_intent_id text, p_order_items jsonb, p_expiration_minutes integer DEFAULT 5)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
AS $function$
declare
  v_now timestamptz;
  v_expires_at timestamptz;
  v_ids uuid[];
  v_quantities integer[];
  v_live_ids uuid[];
  v_live_quantities integer[];
  v_dead uuid[];
begin
  if p_expiration_minutes is null or abs(p_expiration_minutes::bigint) > 525600 then
    raise exception using errcode = '22023', message = 'p_expiration_minutes must be within a year';
  end if;
  select product_ids, quantities into v_ids, v_quantities from _parse_lines(p_order_items);
  perform _begin_bare(p_payment_intent_id);
  v_now := clock_timestamp();

  select array_agg(drop_product_id order by drop_product_id), array_agg(quantity order by drop_product_id)
  into v_live_ids, v_live_quantities
  from inventory_reservations
  where payment_intent_id = p_payment_intent_id
    and (status = 'confirmed' or (status = 'held' and reclaim_after > v_now));
  if v_live_ids is not null then
    if v_live_ids = v_ids and v_live_quantities = v_quantities then
      return true;
    end if;
    raise exception using
      errcode = 'HF003', message = 'this PaymentIntent already holds other items', detail = p_payment_intent_id;
  end if;

  -- A dead hold of the same PaymentIntent: old and new products are locked in one ascending pass, then it starts anew.
  v_dead := array(
    select id from inventory_reservations where payment_intent_id = p_payment_intent_id and status = 'held');
  if cardinality(v_dead) > 0 then
    perform _lock_products(
      v_ids || array(select drop_product_id from inventory_reservations where id = any (v_dead)));
    perform _end_holds(v_dead, 'expired');
  end if;

  if _take_units(v_ids, v_quantities) > 0 then
    return false;
  end if;
  -- Read after every lock: a buyer who waited for one still gets the whole window.
  v_expires_at := clock_timestamp() + make_interval(mins => p_expiration_minutes);
  insert into inventory_reservations as r
    (drop_product_id, quantity, payment_intent_id, expires_at, created_at, reclaim_after)
  select line.id, line.units, p_payment_intent_id, v_expires_at, clock_timestamp(), v_expires_at
  from unnest(v_ids, v_quantities) as line (id, units)
  on conflict (payment_intent_id, drop_product_id) do update
    set status = 'held', quantity = excluded.quantity, expires_at = excluded.expires_at,
      created_at = excluded.created_at, reclaim_after = excluded.reclaim_after;
  return true;
end
$function$;
comment on function reserve_inventory_for_payment(p_payment_intent_id text, p_order_items jsonb, p_expiration_minutes integer) is 'Holds every line or none. True: held, or already held or confirmed with the same items (the deadline is not moved). False: a line is short or unknown. Raises 22023 for bad items, HF003 for other items, HF002 for a checkout''s id.';

CREATE OR REPLACE FUNCTION public.resolve_incident(p_incident_id uuid, p_operation_id uuid)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
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
$function$;
comment on function resolve_incident(p_incident_id uuid, p_operation_id uuid) is NULL;

CREATE OR REPLACE FUNCTION public.secure_units(p_checkout_id uuid, p_reclaim_grace_seconds integer)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
AS $function$
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
$function$;
comment on function secure_units(p_checkout_id uuid, p_reclaim_grace_seconds integer) is 'True: every unit of the open checkout is held, with a lease of now + grace. False: some are gone, or it is closed; nothing was changed. HF006: no such checkout, HF007: never bound.';

CREATE OR REPLACE FUNCTION public.take_stripe_slot(p_call text, p_per_second integer, p_wait_ms_max integer, OUT is_taken boolean, OUT wait_ms integer)
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
AS $function$
declare
  v_next timestamptz;
  v_now timestamptz;
begin
  perform _require_read_committed();
  select p.next_at into v_next from stripe_pace p where p.call = p_call for update;
  if not found then
    insert into stripe_pace (call, next_at) values (p_call, clock_timestamp()) on conflict do nothing;
    select p.next_at into v_next from stripe_pace p where p.call = p_call for update;
  end if;
  v_now := clock_timestamp();
  v_next := greatest(v_next, v_now);
  wait_ms := ceil(extract(epoch from v_next - v_now) * 1000);
  is_taken := wait_ms <= p_wait_ms_max;
  if is_taken then
    update stripe_pace p set next_at = v_next + make_interval(secs => 1.0 / p_per_second) where p.call = p_call;
  end if;
end
$function$;
comment on function take_stripe_slot(p_call text, p_per_second integer, p_wait_ms_max integer, OUT is_taken boolean, OUT wait_ms integer) is 'When the next call of this kind may begin: wait_ms from now. Not taken where that is more than p_wait_ms_max: come again then.';

CREATE OR REPLACE FUNCTION public.take_unjudged_events(p_wait_seconds integer, p_tries_max integer, p_limit integer)
 RETURNS TABLE(event_id text, checkout_id uuid, signal jsonb, is_quarantined boolean)
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
declare
  v_now constant timestamptz := clock_timestamp();
  v_before constant timestamptz := v_now - make_interval(secs => p_wait_seconds);
begin
  return query
  with due as (
    select e.event_id
    from webhook_events e
    where e.outcome is null and e.quarantined_at is null and e.checkout_id is not null
      and coalesce(e.driven_at, e.received_at) <= v_before
    order by coalesce(e.driven_at, e.received_at)
    limit p_limit
    for update skip locked
  ), taken as (
    update webhook_events e
    set
      tries = least(e.tries + 1, p_tries_max),
      driven_at = v_now,
      quarantined_at = case when e.tries >= p_tries_max then v_now end
    from due
    where e.event_id = due.event_id
    returning e.event_id, e.checkout_id, e.signal, e.quarantined_at is not null as is_quarantined
  ), reported as (
    insert into incidents (checkout_id, kind, detail)
    select t.checkout_id, 'event_not_judged', jsonb_build_object('event_ids', jsonb_agg(t.event_id))
    from taken t
    where t.is_quarantined
    group by t.checkout_id
    on conflict do nothing
  )
  select t.event_id, t.checkout_id, t.signal, t.is_quarantined from taken t;
end
$function$;
comment on function take_unjudged_events(p_wait_seconds integer, p_tries_max integer, p_limit integer) is 'Events without outcome that have waited p_wait_seconds since they came or were last driven, oldest first.';

-- triggers

CREATE TRIGGER admin_operations_100_guard BEFORE DELETE OR UPDATE ON admin_operations FOR EACH ROW EXECUTE FUNCTION admin_operations_guard();

CREATE TRIGGER checkouts_100_guard BEFORE UPDATE ON checkouts FOR EACH ROW EXECUTE FUNCTION checkouts_guard();

CREATE TRIGGER checkouts_100_guard_insert BEFORE INSERT ON checkouts FOR EACH ROW WHEN (new.status <> 'opening'::text OR new.closed_at IS NOT NULL) EXECUTE FUNCTION checkouts_guard();

CREATE TRIGGER checkouts_100_refuse_delete BEFORE DELETE ON checkouts FOR EACH STATEMENT EXECUTE FUNCTION checkouts_refuse_delete();

CREATE TRIGGER drop_products_100_follow_total_insert BEFORE INSERT ON drop_products FOR EACH ROW EXECUTE FUNCTION drop_products_follow_total();

CREATE TRIGGER drop_products_100_follow_total_update BEFORE UPDATE OF total_inventory ON drop_products FOR EACH ROW EXECUTE FUNCTION drop_products_follow_total();

CREATE TRIGGER drop_products_100_refuse_delete BEFORE DELETE ON drop_products FOR EACH ROW EXECUTE FUNCTION drop_products_refuse_delete();

CREATE TRIGGER drop_products_900_journal_insert AFTER INSERT ON drop_products FOR EACH ROW EXECUTE FUNCTION drop_products_journal_total();

CREATE TRIGGER drop_products_900_journal_update AFTER UPDATE OF total_inventory ON drop_products FOR EACH ROW EXECUTE FUNCTION drop_products_journal_total();

CREATE TRIGGER drops_100_guard_currency BEFORE INSERT OR UPDATE OF currency ON drops FOR EACH ROW EXECUTE FUNCTION drops_guard_currency();

CREATE TRIGGER inventory_reservations_100_guard BEFORE UPDATE ON inventory_reservations FOR EACH ROW EXECUTE FUNCTION inventory_reservations_guard();

CREATE TRIGGER inventory_reservations_100_guard_insert BEFORE INSERT ON inventory_reservations FOR EACH ROW WHEN (new.status <> 'held'::text OR new.reclaim_after IS NULL) EXECUTE FUNCTION inventory_reservations_guard();

CREATE TRIGGER inventory_reservations_100_refuse_delete BEFORE DELETE ON inventory_reservations FOR EACH ROW EXECUTE FUNCTION inventory_reservations_refuse_delete();

CREATE TRIGGER inventory_reservations_900_journal_insert AFTER INSERT ON inventory_reservations REFERENCING NEW TABLE AS moved FOR EACH STATEMENT EXECUTE FUNCTION inventory_reservations_journal_insert();

CREATE TRIGGER inventory_reservations_900_journal_update AFTER UPDATE ON inventory_reservations REFERENCING OLD TABLE AS before_move NEW TABLE AS after_move FOR EACH STATEMENT EXECUTE FUNCTION inventory_reservations_journal_update();
