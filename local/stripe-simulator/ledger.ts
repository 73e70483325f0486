// The truth about money, for tests and demos: independent of what the shop's own tables say.

import type { PaymentIntentRecord } from './records';
import type { Store } from './store';

/** Refunds in these statuses have left the shop, or will. */
const COUNTED = new Set(['pending', 'requires_action', 'succeeded']);

/** Everything, or what concerns one PaymentIntent. Amounts in minor units; `at` is the wall clock. */
export function readLedger(store: Store, paymentIntent: string | null): object {
  const isWanted = (id: string) => paymentIntent === null || id === paymentIntent;
  const refunds = [...store.all('refunds')]
    .map((record) => record.object)
    .filter((refund) => isWanted(refund.payment_intent));
  const refundedMinor = new Map<string, number>();
  for (const refund of refunds) {
    if (!COUNTED.has(refund.status)) continue;
    refundedMinor.set(refund.payment_intent, (refundedMinor.get(refund.payment_intent) ?? 0) + refund.amount);
  }
  return {
    payment_intents: [...store.all('payment_intents')]
      .filter((record) => isWanted(record.id))
      .map((record) => intentLine(record, refundedMinor.get(record.id) ?? 0)),
    refunds,
    disputes: [...store.all('disputes')]
      .map((record) => record.object)
      .filter((dispute) => isWanted(dispute.payment_intent)),
  };
}

function intentLine(record: PaymentIntentRecord, refunded: number): object {
  const { id, amount, currency, status, metadata, created, ...rest } = record.object;
  return {
    id,
    amount,
    currency,
    status,
    metadata,
    captured: record.captures.reduce((sum, capture) => sum + capture.amount, 0),
    refunded,
    transitions: record.transitions,
    captures: record.captures,
    created,
    capture_method: rest.capture_method,
    cancellation_reason: rest.cancellation_reason,
    confirmations: record.confirmCount,
  };
}
