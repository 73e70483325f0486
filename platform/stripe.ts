// The one way to Stripe: a client with our network rules, and replies that are checked before they are believed.
import Stripe from 'stripe';
import { z } from 'zod';

/** One call's budget. Retries are Temporal's: visible, keyed, and bounded by the activity's own timeouts. */
const STRIPE_TIMEOUT_MS = 8_000;

export interface StripeOptions {
  secretKey: string;
  /** Scheme, host and port of another server that speaks Stripe's HTTP, e.g. `http://127.0.0.1:12111`. */
  apiBase?: string | undefined;
}

/** A Stripe client with an 8 s timeout and no retries of its own. */
export function createStripe({ secretKey, apiBase }: StripeOptions): Stripe {
  const rules = { timeout: STRIPE_TIMEOUT_MS, maxNetworkRetries: 0, telemetry: false } as const;
  if (apiBase === undefined) return new Stripe(secretKey, rules);
  const base = new URL(apiBase);
  const protocol = base.protocol === 'https:' ? 'https' : 'http';
  const port = base.port === '' ? (protocol === 'https' ? 443 : 80) : Number(base.port);
  return new Stripe(secretKey, { ...rules, protocol, host: base.hostname, port });
}

/** A reply that does not have the shape it must have; the SDK passes a stray proxy's 200 or 404 on as a success. */
export class UnreadableStripeReplyError extends Error {
  override readonly name = 'UnreadableStripeReplyError';
}

const minorUnits = z.number().int().nonnegative();

const paymentIntentSchema = z.object({
  id: z.string().startsWith('pi_'),
  object: z.literal('payment_intent'),
  status: z.string(),
  amount: minorUnits,
  amount_received: minorUnits,
  amount_capturable: minorUnits,
  currency: z.string(),
  created: z.number().int(),
  client_secret: z.string().nullish(),
  metadata: z.record(z.string(), z.string()),
});

export interface PaymentIntentReply {
  id: string;
  /** Open on purpose: a status we do not know must reach the branch that keeps the hold. */
  status: string;
  amountMinor: number;
  amountReceivedMinor: number;
  amountCapturableMinor: number;
  currency: string;
  createdUnixSeconds: number;
  /** For the buyer's own browser only: never stored, never logged, never in a workflow's history. */
  clientSecret: string | null;
  metadata: Record<string, string>;
}

/**
 * Checks a reply that must be a PaymentIntent.
 * @throws UnreadableStripeReplyError when it is anything else, whatever its HTTP status was.
 */
export function parsePaymentIntent(reply: unknown): PaymentIntentReply {
  const parsed = paymentIntentSchema.safeParse(reply);
  if (!parsed.success) throw new UnreadableStripeReplyError('The reply is not a PaymentIntent.');
  const { data } = parsed;
  return {
    id: data.id,
    status: data.status,
    amountMinor: data.amount,
    amountReceivedMinor: data.amount_received,
    amountCapturableMinor: data.amount_capturable,
    currency: data.currency,
    createdUnixSeconds: data.created,
    clientSecret: data.client_secret ?? null,
    metadata: data.metadata,
  };
}

/**
 * Checks a reply that must be this very PaymentIntent: what another one says is no proof of anything.
 * @throws UnreadableStripeReplyError
 */
export function parsePaymentIntentOf(id: string, reply: unknown): PaymentIntentReply {
  const payment = parsePaymentIntent(reply);
  if (payment.id !== id) throw new UnreadableStripeReplyError('The reply is another PaymentIntent.');
  return payment;
}

/** Reads one PaymentIntent by id. @throws Stripe's errors, UnreadableStripeReplyError. */
export async function retrievePaymentIntent(stripe: Stripe, id: string): Promise<PaymentIntentReply> {
  return parsePaymentIntentOf(id, await stripe.paymentIntents.retrieve(id));
}

const refundSchema = z.object({
  id: z.string().startsWith('re_').or(z.string().startsWith('pyr_')),
  object: z.literal('refund'),
  status: z.string(),
  amount: minorUnits,
  metadata: z.record(z.string(), z.string()).nullish(),
  failure_reason: z.string().nullish(),
});

export interface RefundReply {
  id: string;
  status: string;
  amountMinor: number;
  /** Only of a refund that failed. */
  failureReason: string | null;
  metadata: Record<string, string>;
}

/** Checks a reply that must be a Refund. @throws UnreadableStripeReplyError */
export function parseRefund(reply: unknown): RefundReply {
  const parsed = refundSchema.safeParse(reply);
  if (!parsed.success) throw new UnreadableStripeReplyError('The reply is not a Refund.');
  const { id, status, amount, metadata, failure_reason: failureReason } = parsed.data;
  return { id, status, amountMinor: amount, metadata: metadata ?? {}, failureReason: failureReason ?? null };
}

const disputeSchema = z.object({
  id: z.string(),
  object: z.literal('dispute'),
  created: z.number().int(),
  status: z.string(),
});

export interface DisputeReply {
  createdUnixSeconds: number;
  /** Open on purpose: one that we do not know counts as a dispute. */
  status: string;
}

/** Checks a reply that must be a Dispute. @throws UnreadableStripeReplyError */
export function parseDispute(reply: unknown): DisputeReply {
  const parsed = disputeSchema.safeParse(reply);
  if (!parsed.success) throw new UnreadableStripeReplyError('The reply is not a Dispute.');
  return { createdUnixSeconds: parsed.data.created, status: parsed.data.status };
}
