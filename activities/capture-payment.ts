// Step 4 (b) of manual capture: take the authorised money, once. Called only while the units are held.
import { stripeIdempotencyKey } from '../contracts/ids';
import { parsePaymentIntentOf, type PaymentIntentReply } from '../platform/stripe';
import { decisionOn, report, sameKeyAgain, tell } from './decisions';
import type { ActivityDeps } from './deps';
import { isAuthorisedInFull, isPaidInFull, read, type Due } from './payment-state';
import { withoutProof, withProof } from './proof';

export interface CaptureInput extends Due {
  paymentIntentId: string;
  /** Saga state: part of the Stripe key, one more after every definite answer that was not a success. */
  n: number;
}

export type CaptureOutcome =
  | { outcome: 'captured' }
  /** It can never be captured: the authorisation is gone, or the bank refused. */
  | { outcome: 'failed'; code: string }
  /** Neither captured nor to be captured now (a status or a sum that nobody expects): keep the hold. */
  | { outcome: 'kept'; paymentStatus: string }
  /** A definite answer, stored under this key, and the money still waits: go on with `n + 1` after a pause. */
  | { outcome: 'again' }
  /** The longest time a hold may last without proof is over. */
  | { outcome: 'hold_max_reached' };

/** Nothing is authorised any more, and a capture can bring nothing back. */
const LOST = new Set(['canceled', 'requires_payment_method', 'requires_confirmation', 'requires_action']);

export function capturePaymentActivities(deps: ActivityDeps) {
  return {
    async capturePayment(input: CaptureInput): Promise<CaptureOutcome> {
      const overdue = () => withoutProof(deps, { ...input, isReleased: false });
      try {
        const outcome = await attempt(deps, input);
        const isProof = outcome.outcome === 'captured' || outcome.outcome === 'failed';
        if (!isProof) return (await overdue()) ?? outcome;
        await withProof(deps, input.checkoutId);
        return outcome;
      } catch (error) {
        const outcome = await overdue();
        if (outcome !== null) return outcome;
        throw error;
      }
    },
  };
}

async function attempt(deps: ActivityDeps, input: CaptureInput): Promise<CaptureOutcome> {
  let captured: PaymentIntentReply;
  try {
    captured = parsePaymentIntentOf(
      input.paymentIntentId,
      await deps.stripe.paymentIntents.capture(
        input.paymentIntentId,
        { amount_to_capture: input.amountMinor },
        { idempotencyKey: stripeIdempotencyKey(deps.holdfastEnv, input.checkoutId, 'capture', input.n) },
      ),
    );
  } catch (error) {
    return readRefusal(deps, input, error);
  }
  return judge(deps, input, captured);
}

/** A capture without a success may have happened all the same: nothing is undone before Stripe has been asked. */
async function readRefusal(deps: ActivityDeps, input: CaptureInput, error: unknown): Promise<CaptureOutcome> {
  const { checkoutId, paymentIntentId } = input;
  const { decision, failure } = decisionOn('capture', error);
  await tell(deps, { checkoutId, call: 'capture', decision, failure });
  if (decision.look) {
    const payment = await read(deps, checkoutId, paymentIntentId);
    if (!isAuthorisedInFull(deps, input, payment)) return judge(deps, input, payment);
  }
  switch (decision.next) {
    case 'same_key':
      throw sameKeyAgain('capture', failure);
    case 'new_key':
      return { outcome: 'again' };
    case 'stop':
      return { outcome: 'failed', code: failure.code };
  }
}

async function judge(
  deps: ActivityDeps,
  input: CaptureInput,
  payment: PaymentIntentReply,
): Promise<CaptureOutcome> {
  if (isPaidInFull(deps, input, payment)) return { outcome: 'captured' };
  if (LOST.has(payment.status)) return { outcome: 'failed', code: payment.status };
  if (payment.status !== 'processing') {
    await report(deps, input.checkoutId, 'payment_does_not_match', {
      payment_status: payment.status,
      amount_received_minor: payment.amountReceivedMinor,
      amount_capturable_minor: payment.amountCapturableMinor,
      currency: payment.currency,
    });
  }
  return { outcome: 'kept', paymentStatus: payment.status };
}
