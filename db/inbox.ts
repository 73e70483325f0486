// The inbox: every verified Stripe event, stored before it is acknowledged, judged once by whoever acts on it.
import type { PaymentEvent } from '../contracts/payment-events';
import { queryMaybeOne, queryOne, queryRows } from './query';
import type { Db } from './query';

export type EventOutcome =
  | 'ignored'
  | 'no_effect'
  | 'confirmed'
  | 'refund_pending'
  | 'released'
  | 'attempt'
  | 'processing'
  | 'recorded';

export interface NewEvent {
  eventId: string;
  type: string;
  livemode: boolean;
  createdUnixSeconds: number;
  paymentIntentId: string | null;
  checkoutId: string | null;
  payload: object;
  /** What its checkout is signalled with; null when no running checkout judges it. Kept so that it can be sent again. */
  signal: PaymentEvent | null;
  /** Judged at the door (not ours, or of no interest), with the reason; null for what a checkout must judge. */
  outcome: 'ignored' | 'no_effect' | null;
  reason: string | null;
}

export interface StoredEvent {
  isNew: boolean;
  /** When Temporal accepted the signal; a redelivery without it is signalled again. */
  forwardedAt: Date | null;
  outcome: EventOutcome | null;
}

/** Stores an event once, by its id, and answers what is known of it. Repeating it changes nothing. */
export async function storeEvent(db: Db, event: NewEvent): Promise<StoredEvent> {
  const inserted = await queryMaybeOne<{ outcome: EventOutcome | null }>(
    db,
    `insert into webhook_events
       (event_id, type, livemode, stripe_created_at, payment_intent_id, checkout_id, payload, outcome, reason, signal,
        judged_at)
     values ($1, $2, $3, to_timestamp($4), $5, $6, $7, $8, $9, $10,
       case when $8::text is null then null else clock_timestamp() end)
     on conflict (event_id) do nothing
     returning outcome`,
    [
      event.eventId,
      event.type,
      event.livemode,
      event.createdUnixSeconds,
      event.paymentIntentId,
      event.checkoutId,
      JSON.stringify(event.payload),
      event.outcome,
      event.reason,
      event.signal === null ? null : JSON.stringify(event.signal),
    ],
  );
  if (inserted !== null) return { isNew: true, forwardedAt: null, outcome: inserted.outcome };
  const known = await queryOne<{ forwarded_at: Date | null; outcome: EventOutcome | null }>(
    db,
    'select forwarded_at, outcome from webhook_events where event_id = $1',
    [event.eventId],
  );
  return { isNew: false, forwardedAt: known.forwarded_at, outcome: known.outcome };
}

/** Notes that Temporal accepted the signal. The first instant stays. */
export async function markForwarded(db: Db, eventId: string): Promise<void> {
  await queryRows(
    db,
    'update webhook_events set forwarded_at = coalesce(forwarded_at, clock_timestamp()) where event_id = $1',
    [eventId],
  );
}

/** Which of these events need nobody any more: stored, and handed on or judged. */
export async function listFinishedEventIds(db: Db, eventIds: readonly string[]): Promise<Set<string>> {
  const rows = await queryRows<{ event_id: string }>(
    db,
    `select event_id from webhook_events
     where event_id = any ($1) and (forwarded_at is not null or outcome is not null)`,
    [eventIds],
  );
  return new Set(rows.map((row) => row.event_id));
}

/** A checkout has a handful of events; the bound keeps a flood of them out of one answer. */
const UNJUDGED_MAX = 500;

/** Ids of this checkout's events of the payment, or of refunds and disputes, that nobody has judged; at most 500. */
export async function listUnjudgedEventIds(
  db: Db,
  checkoutId: string,
  about: 'payment' | 'money',
): Promise<string[]> {
  const rows = await queryRows<{ event_id: string }>(
    db,
    `select event_id from webhook_events
     where checkout_id = $1 and outcome is null and (type like 'payment_intent.%') = ($2 = 'payment')
     order by received_at, event_id
     limit $3`,
    [checkoutId, about, UNJUDGED_MAX],
  );
  return rows.map((row) => row.event_id);
}

/** An event that is due to be handed on again. */
export interface DueEvent {
  eventId: string;
  checkoutId: string;
  signal: PaymentEvent | null;
  /** It has had all its tries: an incident is open, and it is not handed on. */
  isQuarantined: boolean;
}

/**
 * Takes events without outcome that have waited `waitSeconds` since they came or were last driven, and counts the try. One
 * that has had `triesMax` is quarantined with the incident `event_not_judged`.
 */
export async function takeUnjudgedEvents(
  db: Db,
  { waitSeconds, triesMax, limit }: { waitSeconds: number; triesMax: number; limit: number },
): Promise<DueEvent[]> {
  const rows = await queryRows<{
    event_id: string;
    checkout_id: string;
    signal: PaymentEvent | null;
    is_quarantined: boolean;
  }>(db, 'select * from take_unjudged_events($1, $2, $3)', [waitSeconds, triesMax, limit]);
  return rows.map((row) => ({
    eventId: row.event_id,
    checkoutId: row.checkout_id,
    signal: row.signal,
    isQuarantined: row.is_quarantined,
  }));
}

/** An event as an operator has it judged again. */
export interface ReplayedEvent {
  /** Null: it belongs to no checkout, and nobody will judge it. */
  checkoutId: string | null;
  signal: PaymentEvent | null;
  /** Not null: it has been judged, and nothing was changed. */
  outcome: EventOutcome | null;
}

/** Gives an event that nobody has judged its tries back. The caller hands it on. */
export async function replayEvent(db: Db, eventId: string): Promise<ReplayedEvent> {
  const row = await queryOne<{
    checkout_id: string | null;
    signal: PaymentEvent | null;
    outcome: EventOutcome | null;
  }>(db, 'select * from replay_event($1)', [eventId]);
  return { checkoutId: row.checkout_id, signal: row.signal, outcome: row.outcome };
}

/** Events of our checkouts that nobody has judged: still driven by the sweep, or given up by it. */
export async function readInboxState(db: Db): Promise<{ waiting: number; quarantined: number }> {
  return queryOne(
    db,
    `select count(*) filter (where quarantined_at is null)::int as waiting,
       count(*) filter (where quarantined_at is not null)::int as quarantined
     from webhook_events where outcome is null and checkout_id is not null`,
    [],
  );
}
