// Stripe's events as the saga sees them: the few fields it judges by, never the payload.

/** Event types a running checkout is signalled with. */
export const SIGNALLED_EVENT_TYPES = [
  'payment_intent.succeeded',
  'payment_intent.canceled',
  'payment_intent.amount_capturable_updated',
  'payment_intent.payment_failed',
  'payment_intent.processing',
] as const;
export type SignalledEventType = (typeof SIGNALLED_EVENT_TYPES)[number];

export function isSignalledEventType(type: string): type is SignalledEventType {
  return (SIGNALLED_EVENT_TYPES as readonly string[]).includes(type);
}

/** Refunds and disputes concern money that is already in: settlement judges them. */
export function isSettlementEventType(type: string): boolean {
  return /^(refund\.|charge\.refund|charge\.dispute\.)/.test(type);
}

/**
 * The types that anybody here judges, as `GET /v1/events` wants them: whole names, at most 20. What a webhook brings beside
 * them is stored and has no effect, so nobody asks for it.
 */
export const JUDGED_EVENT_TYPES = [
  ...SIGNALLED_EVENT_TYPES,
  'refund.created',
  'refund.updated',
  'refund.failed',
  'charge.refunded',
  'charge.refund.updated',
  'charge.dispute.created',
  'charge.dispute.updated',
  'charge.dispute.closed',
  'charge.dispute.funds_withdrawn',
  'charge.dispute.funds_reinstated',
] as const;

export interface PaymentAttempt {
  /** The charge, else the payment method, else the event id: what makes two events one attempt. */
  id: string;
  code: string | null;
  declineCode: string | null;
  adviceCode: string | null;
}

export interface PaymentEvent {
  eventId: string;
  type: SignalledEventType;
  paymentIntentId: string;
  currency: string;
  amountReceivedMinor: number;
  amountCapturableMinor: number;
  /** Only with `payment_intent.payment_failed`. */
  attempt: PaymentAttempt | null;
}

const HARD_DECLINE_CODES = new Set([
  'stolen_card',
  'lost_card',
  'pickup_card',
  'restricted_card',
  'fraudulent',
  'merchant_blacklist',
]);

/** A decline after which another try with any card is refused; every other decline leaves the hold in place. */
export function isHardDecline(attempt: PaymentAttempt): boolean {
  return (
    attempt.adviceCode === 'do_not_try_again' ||
    (attempt.declineCode !== null && HARD_DECLINE_CODES.has(attempt.declineCode))
  );
}
