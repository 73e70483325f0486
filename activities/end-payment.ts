// Ending a payment: ask Stripe, never guess. One attempt; the workflow goes on until there is proof.
import { stripeIdempotencyKey } from '../contracts/ids';
import { recordProcessing } from '../db/checkouts';
import { isCancelUnderWay } from '../db/operations';
import { parsePaymentIntentOf, type PaymentIntentReply } from '../platform/stripe';
import { decisionOn, report, sameKeyAgain, tell } from './decisions';
import type { ActivityDeps } from './deps';
import { isAuthorisedInFull, isPaidInFull, read } from './payment-state';
import { renewWhileAsking, withoutProof, withProof } from './proof';

export interface EndPaymentInput {
  checkoutId: string;
  /** Saga state: part of the Stripe key, one more after every definite answer that was not a success. */
  n: number;
  amountMinor: number;
  currency: string;
  /** The units have been given back; go on asking all the same, and let go of an authorisation that came too late. */
  isReleased: boolean;
  /** Cancel an authorised or processing payment as well. */
  isVoid: boolean;
}

export type EndPaymentOutcome =
  | { outcome: 'unbound' }
  | { outcome: 'canceled' }
  | { outcome: 'succeeded'; paymentIntentId: string }
  /** The whole sum waits to be captured, and the units may still be there. */
  | { outcome: 'authorised'; paymentIntentId: string }
  /** No proof and nothing to cancel now (processing, unknown, or a sum that does not match): keep the hold. */
  | { outcome: 'kept'; paymentStatus: string }
  /** A definite refusal, stored under this key: go on with `n + 1` after a pause. */
  | { outcome: 'again' }
  /** The longest time a hold may last without proof is over. */
  | { outcome: 'hold_max_reached' };

const PROOFS = new Set<EndPaymentOutcome['outcome']>(['canceled', 'succeeded', 'authorised']);

/** Statuses that Stripe cancels for certain, and in which no money has moved. */
export const CANCELLABLE: ReadonlySet<string> = new Set([
  'requires_payment_method',
  'requires_confirmation',
  'requires_action',
]);

export function endPaymentActivities(deps: ActivityDeps) {
  return {
    async endPayment(input: EndPaymentInput): Promise<EndPaymentOutcome> {
      const lease = await renewWhileAsking(deps, input.checkoutId);
      if (lease.paymentIntentId === null) return { outcome: 'unbound' };
      // Settlement is told by the record alone: where no run took an operator's cancel, it is still meant.
      const isVoid = input.isVoid || (await isCancelUnderWay(deps.pool, input.checkoutId));
      try {
        const outcome = await attempt(deps, { ...input, isVoid }, lease.paymentIntentId);
        if (!PROOFS.has(outcome.outcome)) return (await withoutProof(deps, input)) ?? outcome;
        await withProof(deps, input.checkoutId);
        return outcome;
      } catch (error) {
        const overdue = await withoutProof(deps, input);
        if (overdue !== null) return overdue;
        throw error;
      }
    },
  };
}

async function attempt(
  deps: ActivityDeps,
  input: EndPaymentInput,
  paymentIntentId: string,
): Promise<EndPaymentOutcome> {
  const payment = await read(deps, input.checkoutId, paymentIntentId);
  if (!isCancellable(input, payment)) return judge(deps, input, payment);
  let canceled: PaymentIntentReply;
  try {
    canceled = parsePaymentIntentOf(
      paymentIntentId,
      await deps.stripe.paymentIntents.cancel(
        paymentIntentId,
        // The same for every caller: run and settlement share the key, and a key with another body is an error.
        { cancellation_reason: 'abandoned' },
        { idempotencyKey: stripeIdempotencyKey(deps.holdfastEnv, input.checkoutId, 'cancel', input.n) },
      ),
    );
  } catch (error) {
    return readRefusal(deps, input, paymentIntentId, error);
  }
  return judge(deps, input, canceled);
}

/** What a cancel that did not succeed means: its row in the table. */
async function readRefusal(
  deps: ActivityDeps,
  input: EndPaymentInput,
  paymentIntentId: string,
  error: unknown,
): Promise<EndPaymentOutcome> {
  const { checkoutId } = input;
  const { decision, failure } = decisionOn('cancel', error);
  await tell(deps, { checkoutId, call: 'cancel', decision, failure });
  if (decision.next === 'same_key') throw sameKeyAgain('cancel', failure);
  if (!decision.look) return { outcome: 'again' };
  const payment = await read(deps, checkoutId, paymentIntentId);
  return isCancellable(input, payment) ? { outcome: 'again' } : judge(deps, input, payment);
}

/** `processing` may refuse a cancel, and an authorised payment is worth an order: both only where the caller says so. */
function isCancellable(input: EndPaymentInput, { status }: PaymentIntentReply): boolean {
  if (status === 'processing') return input.isVoid;
  if (status === 'requires_capture') return input.isVoid || input.isReleased;
  return CANCELLABLE.has(status);
}

/** A status that is not cancelled from here, read as what it says and no more. */
async function judge(
  deps: ActivityDeps,
  input: EndPaymentInput,
  payment: PaymentIntentReply,
): Promise<EndPaymentOutcome> {
  const { checkoutId } = input;
  const { status, currency } = payment;
  if (status === 'canceled') return { outcome: 'canceled' };
  if (isPaidInFull(deps, input, payment)) return { outcome: 'succeeded', paymentIntentId: payment.id };
  if (isAuthorisedInFull(deps, input, payment)) return { outcome: 'authorised', paymentIntentId: payment.id };
  if (status === 'succeeded' || status === 'requires_capture') {
    const { amountReceivedMinor, amountCapturableMinor } = payment;
    await report(deps, checkoutId, 'payment_does_not_match', {
      amount_received_minor: amountReceivedMinor,
      amount_capturable_minor: amountCapturableMinor,
      currency,
    });
  } else if (status === 'processing') {
    // Its event may be lost; the buyer is told all the same.
    await recordProcessing(deps.pool, { checkoutId, eventId: null });
  } else {
    await report(deps, checkoutId, 'payment_status_unexpected', { payment_status: status });
  }
  return { outcome: 'kept', paymentStatus: status };
}
