// Ids that are derived, never drawn: whoever knows the checkout id knows them all. Pure, so workflows may import it.

export function checkoutWorkflowId(checkoutId: string): string {
  return `checkout-${checkoutId}`;
}

export function settlementWorkflowId(checkoutId: string): string {
  return `settle-${checkoutId}`;
}

/** `operationId`: a UUID derived from the operator's Idempotency-Key, so that a repeated request is the same operation. */
export function operationWorkflowId(operationId: string): string {
  return `operation-${operationId}`;
}

export const STRIPE_STEPS = ['create', 'cancel', 'capture', 'refund', 'orphan-cancel'] as const;
export type StripeStep = (typeof STRIPE_STEPS)[number];

/**
 * Stripe's idempotency key for one step of one checkout. `n` is saga state: it changes only after a definite answer,
 * because Stripe stores and replays errors under a key as well (https://docs.stripe.com/api/idempotent_requests).
 */
export function stripeIdempotencyKey(
  holdfastEnv: string,
  checkoutId: string,
  step: StripeStep,
  n: number | string,
): string {
  return `${holdfastEnv}:${checkoutId}:${step}:${n}`;
}

const METADATA_VALUE_MAX = 500;

/**
 * Reservation ids as one metadata value: whole ids, comma separated, then `+<rest>` for those that do not fit
 * (Stripe allows 500 characters a value).
 */
export function reservationIdsMetadata(reservationIds: readonly string[]): string {
  const whole = reservationIds.join(',');
  if (whole.length <= METADATA_VALUE_MAX) return whole;
  const kept: string[] = [];
  for (const id of reservationIds) {
    const rest = reservationIds.length - kept.length - 1;
    const candidate = [...kept, id, `+${rest}`].join(',');
    if (candidate.length > METADATA_VALUE_MAX) break;
    kept.push(id);
  }
  return [...kept, `+${reservationIds.length - kept.length}`].join(',');
}
