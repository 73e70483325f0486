// Leaves under the payment activities: one Stripe call each, and how its failure is told to Temporal.
import { ApplicationFailure } from '@temporalio/activity';

import type { CaptureMethod } from '../contracts/checkout';
import { reservationIdsMetadata, checkoutWorkflowId, stripeIdempotencyKey } from '../contracts/ids';
import {
  parsePaymentIntent,
  parsePaymentIntentOf,
  UnreadableStripeReplyError,
  type PaymentIntentReply,
} from '../platform/stripe';
import type { ActivityDeps } from './deps';

/** A key that Stripe refuses is not mended in a second. */
export const UNAUTHORIZED_RETRY_MS = 30_000;

/**
 * The failure that makes Temporal repeat the activity with unchanged arguments, hence under the same Stripe key: after
 * `nextRetryDelayMs`, else as the retry policy says.
 */
export function tryAgain(message: string, type: string, nextRetryDelayMs?: number): ApplicationFailure {
  return ApplicationFailure.create({
    message,
    type,
    nonRetryable: false,
    ...(nextRetryDelayMs === undefined ? {} : { nextRetryDelay: nextRetryDelayMs }),
  });
}

export interface CreateInput {
  checkoutId: string;
  /** Saga state: part of the Stripe key, changed only after a definite answer. */
  n: number;
  amountMinor: number;
  currency: string;
  reservationIds: string[];
  openedAtUnixSeconds: number;
  captureMethod: CaptureMethod;
}

/** Parameters depend on the checkout alone, so that a repeated key always carries the same body. */
export async function createPaymentIntent(
  deps: ActivityDeps,
  input: CreateInput,
): Promise<PaymentIntentReply> {
  const { checkoutId, n, amountMinor, currency, reservationIds, captureMethod } = input;
  const reply = await deps.stripe.paymentIntents.create(
    {
      amount: amountMinor,
      currency,
      capture_method: captureMethod,
      allowed_payment_method_types: deps.paymentMethodTypes as never,
      metadata: {
        holdfast_env: deps.holdfastEnv,
        checkout_id: checkoutId,
        workflow_id: checkoutWorkflowId(checkoutId),
        reservation_ids: reservationIdsMetadata(reservationIds),
      },
    },
    { idempotencyKey: stripeIdempotencyKey(deps.holdfastEnv, checkoutId, 'create', n) },
  );
  const created = parsePaymentIntent(reply);
  if (!isOurs(deps, created, checkoutId))
    throw new UnreadableStripeReplyError('The reply is the PaymentIntent of another checkout.');
  return created;
}

const LIST_PAGES_MAX = 20;
/** Stripe's clock and the database's are two: look a little before the open. */
const CLOCKS_APART_SECONDS = 60;

/** The PaymentIntent that a create with an unknown outcome may have left, found by its metadata. */
export async function findCreatedPaymentIntent(
  deps: ActivityDeps,
  { checkoutId, openedAtUnixSeconds }: CreateInput,
): Promise<PaymentIntentReply | null> {
  const created = { gte: openedAtUnixSeconds - CLOCKS_APART_SECONDS };
  let startingAfter: string | undefined;
  for (let page = 0; page < LIST_PAGES_MAX; page += 1) {
    const list = await deps.stripe.paymentIntents.list({
      limit: 100,
      created,
      ...(startingAfter === undefined ? {} : { starting_after: startingAfter }),
    });
    const replies = list.data.map(parsePaymentIntent);
    const ours = replies.find((reply) => isOurs(deps, reply, checkoutId) && reply.status !== 'canceled');
    if (ours !== undefined) return ours;
    startingAfter = replies.at(-1)?.id;
    if (!list.has_more || startingAfter === undefined) return null;
  }
  return null;
}

/** Whether a PaymentIntent was made by this installation for this checkout. A shop's account has other users. */
export function isOurs(deps: ActivityDeps, reply: PaymentIntentReply, checkoutId: string): boolean {
  return reply.metadata['holdfast_env'] === deps.holdfastEnv && reply.metadata['checkout_id'] === checkoutId;
}

/**
 * Cancels a PaymentIntent that was never bound; nobody ever had its secret.
 * @throws Stripe's errors, UnreadableStripeReplyError
 */
export async function cancelOrphan(
  deps: ActivityDeps,
  checkoutId: string,
  paymentIntentId: string,
): Promise<void> {
  const reply = await deps.stripe.paymentIntents.cancel(
    paymentIntentId,
    { cancellation_reason: 'abandoned' },
    { idempotencyKey: stripeIdempotencyKey(deps.holdfastEnv, checkoutId, 'orphan-cancel', paymentIntentId) },
  );
  parsePaymentIntentOf(paymentIntentId, reply);
}
