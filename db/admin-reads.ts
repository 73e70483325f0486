// What operators look at. Bounded pages, newest or most urgent first; no payloads, no secrets.
import { queryOne, queryRows, toInteger } from './query';
import type { Db } from './query';
import { toRecord } from './operations';
import type { OperationRecord, OperationRow } from './operations';
import { toPage } from './pages';
import type { CursorColumns, Page, PageRequest } from './pages';

export interface IncidentView {
  incident_id: string;
  checkout_id: string | null;
  kind: string;
  detail: Record<string, unknown>;
  opened_at: Date;
  resolved_at: Date | null;
  /** The operation that resolved it. */
  resolved_by: string | null;
}

/** Oldest first: who waits longest comes first. */
export async function listIncidents(
  db: Db,
  filter: { state: 'open' | 'resolved' | 'all'; checkoutId: string | null; kind: string | null },
  page: PageRequest,
): Promise<Page<IncidentView>> {
  const rows = await queryRows<IncidentView & CursorColumns>(
    db,
    `select id as incident_id, checkout_id, kind, detail, opened_at, resolved_at, resolved_by,
       ${micros('opened_at')} as cursor_at, id::text as cursor_id
     from incidents
     where ($1 = 'all' or (resolved_at is null) = ($1 = 'open'))
       and ($2::uuid is null or checkout_id = $2) and ($3::text is null or kind = $3)
       and ($4::bigint is null or (opened_at, id) > (${instant(4)}, $5::uuid))
     order by opened_at, id limit $6`,
    [filter.state, filter.checkoutId, filter.kind, ...bounds(page)],
  );
  return toPage(rows, page, withoutCursor);
}

export interface EventView {
  event_id: string;
  type: string;
  payment_intent_id: string | null;
  checkout_id: string | null;
  received_at: Date;
  forwarded_at: Date | null;
  outcome: string | null;
  reason: string | null;
  judged_at: Date | null;
  tries: number;
  quarantined_at: Date | null;
}

/** Newest first; never the payload. */
export async function listEvents(
  db: Db,
  filter: { state: 'unjudged' | 'quarantined' | 'all'; checkoutId: string | null },
  page: PageRequest,
): Promise<Page<EventView>> {
  const state = {
    all: 'true',
    unjudged: 'outcome is null',
    quarantined: 'outcome is null and quarantined_at is not null',
  }[filter.state];
  const rows = await queryRows<EventView & CursorColumns>(
    db,
    `select event_id, type, payment_intent_id, checkout_id, received_at, forwarded_at, outcome, reason, judged_at, tries,
       quarantined_at, ${micros('received_at')} as cursor_at, event_id as cursor_id
     from webhook_events
     where ${state} and ($1::uuid is null or checkout_id = $1)
       and ($2::bigint is null or (received_at, event_id) < (${instant(2)}, $3::text))
     order by received_at desc, event_id desc limit $4`,
    [filter.checkoutId, ...bounds(page)],
  );
  return toPage(rows, page, withoutCursor);
}

export interface ReservationView {
  reservation_id: string;
  drop_product_id: string;
  product_name: string;
  quantity: number;
  checkout_id: string | null;
  payment_intent_id: string;
  created_at: Date;
  expires_at: Date;
  reclaim_after: Date;
}

/** Units that are held, those whose lease ends first in front. */
export async function listHeldReservations(
  db: Db,
  filter: { dropProductId: string | null },
  page: PageRequest,
): Promise<Page<ReservationView>> {
  const rows = await queryRows<ReservationView & CursorColumns>(
    db,
    // The condition is that of the indexes which hold nothing else.
    `select r.id as reservation_id, r.drop_product_id, p.name as product_name, r.quantity, r.checkout_id,
       r.payment_intent_id, r.created_at, r.expires_at, r.reclaim_after, ${micros('r.reclaim_after')} as cursor_at,
       r.id::text as cursor_id
     from inventory_reservations r join drop_products p on p.id = r.drop_product_id
     where "left"(r.status, 4) = 'held' and ($1::uuid is null or r.drop_product_id = $1)
       and ($2::bigint is null or (r.reclaim_after, r.id) > (${instant(2)}, $3::uuid))
     order by r.reclaim_after, r.id limit $4`,
    [filter.dropProductId, ...bounds(page)],
  );
  return toPage(rows, page, withoutCursor);
}

/** Newest first. */
export async function listOperations(
  db: Db,
  filter: { target: string | null; operator: string | null },
  page: PageRequest,
): Promise<Page<OperationRecord>> {
  const rows = await queryRows<OperationRow & CursorColumns>(
    db,
    `select *, ${micros('requested_at')} as cursor_at, operation_id::text as cursor_id from admin_operations
     where ($1::text is null or target = $1) and ($2::text is null or operator = $2)
       and ($3::bigint is null or (requested_at, operation_id) < (${instant(3)}, $4::uuid))
     order by requested_at desc, operation_id desc limit $5`,
    [filter.target, filter.operator, ...bounds(page)],
  );
  return toPage(rows, page, toRecord);
}

/** A search finds no more than this; a customer has a handful. */
const FOUND_MAX = 100;

/** Ids of the checkouts with this id, PaymentIntent or customer, newest first, at most 100. */
export async function findCheckouts(
  db: Db,
  by: { checkoutId: string | null; paymentIntentId: string | null; customerId: string | null },
): Promise<string[]> {
  const rows = await queryRows<{ id: string }>(
    db,
    `select id from checkouts
     where ($1::uuid is null or id = $1) and ($2::text is null or payment_intent_id = $2)
       and ($3::text is null or customer_id = $3) and num_nonnulls($1, $2, $3) > 0
     order by opened_at desc, id limit $4`,
    [by.checkoutId, by.paymentIntentId, by.customerId, FOUND_MAX],
  );
  return rows.map((row) => row.id);
}

export interface AdminNumbers {
  incidents_open: number;
  events_unjudged: number;
  events_quarantined: number;
  reservations_held: number;
  units_held: number;
  operations_running: number;
  /** By status, of those that closed within 24 h. */
  checkouts_closed_24h: Record<string, number>;
  last_reconciliation: Record<string, unknown> | null;
}

/** The state of the shop in one reading. */
export async function readAdminNumbers(db: Db): Promise<AdminNumbers> {
  const row = await queryOne<Record<keyof AdminNumbers, unknown>>(
    db,
    `select
       (select count(*) from incidents where resolved_at is null) as incidents_open,
       (select count(*) from webhook_events where outcome is null) as events_unjudged,
       (select count(*) from webhook_events where outcome is null and quarantined_at is not null) as events_quarantined,
       (select count(*) from inventory_reservations where "left"(status, 4) = 'held') as reservations_held,
       (select coalesce(sum(quantity), 0) from inventory_reservations where "left"(status, 4) = 'held') as units_held,
       (select count(*) from admin_operations where outcome is null) as operations_running,
       (select coalesce(jsonb_object_agg(status, closed), '{}') from (
          select status, count(*) as closed from checkouts
          where closed_at > clock_timestamp() - interval '24 hours' group by status) as by_status) as checkouts_closed_24h,
       (select to_jsonb(r) - 'id' from reconciliation_runs r order by finished_at desc limit 1) as last_reconciliation`,
    [],
  );
  const count = (key: keyof AdminNumbers) => toInteger(String(row[key]));
  return {
    incidents_open: count('incidents_open'),
    events_unjudged: count('events_unjudged'),
    events_quarantined: count('events_quarantined'),
    reservations_held: count('reservations_held'),
    units_held: count('units_held'),
    operations_running: count('operations_running'),
    checkouts_closed_24h: row.checkouts_closed_24h as Record<string, number>,
    last_reconciliation: row.last_reconciliation as Record<string, unknown> | null,
  };
}

/** An instant as whole microseconds since 1970: exact, and nothing else is read as one. */
function micros(column: string): string {
  return `(extract(epoch from ${column}) * 1000000)::bigint::text`;
}

function instant(parameter: number): string {
  return `timestamptz 'epoch' + $${parameter}::bigint * interval '1 microsecond'`;
}

/** Cursor and limit as the last three parameters; one row more than asked tells of another page. */
function bounds({ after, limit }: PageRequest): [string | null, string | null, number] {
  return [after?.at ?? null, after?.id ?? null, limit + 1];
}

function withoutCursor<Row extends CursorColumns>(row: Row): Omit<Row, keyof CursorColumns> {
  const { cursor_at: _at, cursor_id: _id, ...rest } = row;
  return rest;
}
