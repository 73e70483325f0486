// From the payment's news to the checkout's end: attempts, processing, confirm, release, and which events are judged.
import type { FailureCode } from '../contracts/checkout';
import type { PaymentAttempt } from '../contracts/payment-events';
import type { CheckoutStatus } from '../contracts/statuses';
import { queryOne, queryRows } from './query';
import type { Db } from './query';

export interface CheckoutEnding {
  status: CheckoutStatus;
  failureCode: FailureCode | null;
  orderId: string | null;
  /** Stored events of its payment that nobody was told of: the next to act on the checkout judges them. At most 20. */
  unheardEventIds: string[];
}

export interface ConfirmInput {
  checkoutId: string;
  paymentIntentId: string;
  /** The events that said the money is in. */
  eventIds: readonly string[];
}

export interface EndingRow {
  status: CheckoutStatus;
  failure_code: FailureCode | null;
  order_id: string | null;
  unheard_event_ids: string[];
}

/**
 * Beside an ending, in the same statement: the checkout's events that were stored and not handed on. Younger than 5 s they are
 * still on their way.
 */
export function unheardEvents(checkoutId: string): string {
  return `array(
    select e.event_id from webhook_events e
    where e.checkout_id = ${checkoutId} and e.outcome is null and e.forwarded_at is null
      and e.type like 'payment_intent.%' and e.received_at < clock_timestamp() - interval '5 seconds'
    limit 20) as unheard_event_ids`;
}

/**
 * Step 4, in one transaction: units confirmed, order written, checkout closed, events judged. Units that were taken back
 * meanwhile are taken again if they are free, all lines or none; otherwise one refund is decided on. On `confirmed`,
 * `refund_pending` and `refunded` it changes nothing and answers.
 * @throws RefusedByDatabaseError `not_found`, `not_bound` (opening or refused), `wrong_payment_intent`.
 */
export async function confirmCheckout(db: Db, input: ConfirmInput): Promise<CheckoutEnding> {
  const row = await queryOne<EndingRow>(
    db,
    `select c.*, ${unheardEvents('$1')} from confirm_checkout($1, $2, $3) as c`,
    [input.checkoutId, input.paymentIntentId, input.eventIds],
  );
  return toEnding(row);
}

/**
 * Undo of step 1 for a bound checkout whose payment ended without money: closes it and gives its units back. A closed one is
 * left as it is and answered.
 * @throws RefusedByDatabaseError `not_found`, `not_bound` (then `closeUnboundCheckout` is the way).
 */
export async function releaseCheckout(
  db: Db,
  input: {
    checkoutId: string;
    status: 'expired' | 'canceled' | 'payment_failed';
    failureCode: FailureCode | null;
    eventIds: readonly string[];
  },
): Promise<CheckoutEnding> {
  const row = await queryOne<EndingRow>(
    db,
    `select c.*, ${unheardEvents('$1')} from release_checkout($1, $2, $3, $4) as c`,
    [input.checkoutId, input.status, input.failureCode, input.eventIds],
  );
  return toEnding(row);
}

/** Counts one attempt by its id, however many events tell of it; answers how many different ones there were. */
export async function recordDecline(
  db: Db,
  input: { checkoutId: string; eventId: string; attempt: PaymentAttempt },
): Promise<{ attempts: number }> {
  const { id, code, declineCode, adviceCode } = input.attempt;
  const row = await queryOne<{ attempts: number }>(
    db,
    'select record_decline($1, $2, $3, $4, $5, $6) as attempts',
    [input.checkoutId, input.eventId, id, code, declineCode, adviceCode],
  );
  return { attempts: row.attempts };
}

/** `awaiting_payment` becomes `payment_processing`; any other status stays. Null: no event told of it, Stripe did. */
export async function recordProcessing(
  db: Db,
  input: { checkoutId: string; eventId: string | null },
): Promise<void> {
  await queryRows(db, 'select record_processing($1, $2)', [input.checkoutId, input.eventId]);
}

/** Marks events that changed nothing; answers how many of this checkout's events are still unjudged. */
export async function closeEvents(
  db: Db,
  input: { checkoutId: string; eventIds: readonly string[] },
): Promise<{ unjudged: number }> {
  const row = await queryOne<{ unjudged: number }>(db, 'select close_events($1, $2) as unjudged', [
    input.checkoutId,
    input.eventIds,
  ]);
  return { unjudged: row.unjudged };
}

export function toEnding(row: EndingRow): CheckoutEnding {
  return {
    status: row.status,
    failureCode: row.failure_code,
    orderId: row.order_id,
    unheardEventIds: row.unheard_event_ids,
  };
}
