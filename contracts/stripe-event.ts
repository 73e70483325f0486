// An event that Stripe vouches for, reduced to what we judge by and what we keep.
import { z } from 'zod';

import { isSettlementEventType, isSignalledEventType } from './payment-events';
import type { PaymentAttempt, PaymentEvent, SignalledEventType } from './payment-events';

/** What was said to be an event is none, or lacks the object that its type promises. */
export class UnreadableEventError extends Error {
  override readonly name = 'UnreadableEventError';
}

const minorUnits = z.int().nonnegative();
const idOrObject = z.union([z.string(), z.object({ id: z.string() })]).nullish();

const eventSchema = z.object({
  id: z.string().min(1).max(255),
  object: z.literal('event'),
  type: z.string().min(1).max(255),
  livemode: z.boolean(),
  created: z.int().nonnegative(),
  data: z.object({ object: z.record(z.string(), z.unknown()) }),
});

/** Every object an event may tell of: a PaymentIntent, or something that points to one. */
const subjectSchema = z.object({
  id: z.string().nullish(),
  object: z.string().nullish(),
  payment_intent: idOrObject,
  metadata: z.record(z.string(), z.string()).nullish(),
});

const paymentIntentSchema = z.object({
  id: z.string(),
  currency: z.string(),
  amount_received: minorUnits.default(0),
  amount_capturable: minorUnits.default(0),
  last_payment_error: z
    .object({
      code: z.string().nullish(),
      decline_code: z.string().nullish(),
      advice_code: z.string().nullish(),
      charge: idOrObject,
      payment_method: idOrObject,
    })
    .nullish(),
});

export interface StripeEvent {
  eventId: string;
  type: string;
  livemode: boolean;
  createdUnixSeconds: number;
  paymentIntentId: string | null;
  /** From the metadata that we put on PaymentIntents and refunds; null where the object has none. */
  holdfastEnv: string | null;
  checkoutId: string | null;
  /** The event as sent, without client secrets. */
  payload: Record<string, unknown>;
  object: Record<string, unknown>;
}

/** @throws UnreadableEventError when it is not an event at all. */
export function readEvent(body: unknown): StripeEvent {
  const event = eventSchema.safeParse(body);
  const subject = event.success ? subjectSchema.safeParse(event.data.data.object) : undefined;
  if (!event.success || !subject?.success) throw new UnreadableEventError('This is not an event.');
  const { id, type, livemode, created, data } = event.data;
  const { metadata } = subject.data;
  const checkoutId = z.guid().safeParse(metadata?.['checkout_id']);
  return {
    eventId: id,
    type,
    livemode,
    createdUnixSeconds: created,
    paymentIntentId:
      subject.data.object === 'payment_intent'
        ? (subject.data.id ?? null)
        : idOf(subject.data.payment_intent),
    holdfastEnv: metadata?.['holdfast_env'] ?? null,
    checkoutId: checkoutId.success ? checkoutId.data.toLowerCase() : null,
    payload: storable(body) as Record<string, unknown>,
    object: data.object,
  };
}

export type EventKind = 'signalled' | 'settlement' | 'other';

export function kindOf(type: string): EventKind {
  if (isSignalledEventType(type)) return 'signalled';
  return isSettlementEventType(type) ? 'settlement' : 'other';
}

/**
 * What a running checkout is signalled with.
 * @throws UnreadableEventError when the event's object is not a PaymentIntent.
 */
export function paymentEventOf(event: StripeEvent): PaymentEvent {
  const parsed = paymentIntentSchema.safeParse(event.object);
  if (!parsed.success || !isSignalledEventType(event.type)) {
    throw new UnreadableEventError('The event holds no PaymentIntent.');
  }
  const { data } = parsed;
  return {
    eventId: event.eventId,
    type: event.type,
    paymentIntentId: data.id,
    currency: data.currency,
    amountReceivedMinor: data.amount_received,
    amountCapturableMinor: data.amount_capturable,
    attempt: attemptOf(event.type, event.eventId, data.last_payment_error ?? null),
  };
}

type PaymentError = NonNullable<z.infer<typeof paymentIntentSchema>['last_payment_error']>;

/** The charge, else the payment method, else the event itself tells one attempt from the next. */
function attemptOf(
  type: SignalledEventType,
  eventId: string,
  error: PaymentError | null,
): PaymentAttempt | null {
  if (type !== 'payment_intent.payment_failed') return null;
  return {
    id: idOf(error?.charge) ?? idOf(error?.payment_method) ?? eventId,
    code: error?.code ?? null,
    declineCode: error?.decline_code ?? null,
    adviceCode: error?.advice_code ?? null,
  };
}

function idOf(reference: string | { id: string } | null | undefined): string | null {
  if (reference === null || reference === undefined) return null;
  return typeof reference === 'string' ? reference : reference.id;
}

/** The secret that pays, and what is the buyer's own business. */
const NEVER_STORED = new Set([
  'client_secret',
  'billing_details',
  'customer_details',
  'receipt_email',
  'shipping',
]);

/**
 * The payload as jsonb can take it (no NUL, no lone surrogates) and as we may keep it: a PaymentIntent's event carries
 * the client_secret, which never enters the database.
 */
function storable(value: unknown): unknown {
  if (typeof value === 'string')
    return Buffer.from(value, 'utf8').toString('utf8').replaceAll('\0', '\ufffd');
  if (Array.isArray(value)) return value.map(storable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !NEVER_STORED.has(key))
      .map(([key, member]) => [storable(key), storable(member)]),
  );
}

/** What is kept of an event that is not ours: that it came, and about what; nothing of another shop's buyers. */
export function envelopeOf(event: StripeEvent): Record<string, unknown> {
  const { id, object } = event.object;
  return { ...event.payload, data: { object: { id, object } } };
}
