// What an operator does to one checkout. Stock and money move where they always do: in its run, in settlement, in SQL.
import { ActivityFailure, isCancellation } from '@temporalio/workflow';

import type { PaymentReading, ReadPaymentInput } from '../activities/read-payment';
import type { RequestedLine } from '../contracts/checkout';
import type { OperationAnswer } from '../contracts/operations';
import { done, refuse } from './operation-answers';
import { operations, requestRefund, startSettlement, stripeLook, untilSettled } from './steps';

interface Act {
  operationId: string;
  checkoutId: string;
}

/** How long Stripe is asked before the operator is told that it cannot be. */
const LOOK_MAX_MS = 20_000;

/** Ends the payment, also an authorised or processing one. A payment that won the race is an order, and said to be. */
export async function cancelCheckout({ checkoutId, operationId }: Act): Promise<OperationAnswer> {
  const answer = await operations.cancelByOperator({ checkoutId, operationId });
  if (answer.outcome === 'refused') return refuse(answer.refusal);
  const { status } = await untilSettled.readEnd({ checkoutId });
  const isPaid = status === 'confirmed' || status === 'refund_pending' || status === 'refunded';
  return isPaid ? refuse('payment_won', { status }) : done({ status });
}

export async function extendCheckout({
  checkoutId,
  operationId,
  seconds,
}: Act & { seconds: number }): Promise<OperationAnswer> {
  const answer = await operations.extendByOperator({ checkoutId, operationId, seconds });
  return answer.outcome === 'refused' ? refuse(answer.refusal) : done();
}

/** Tells what Stripe says now, and has whoever is in charge of the checkout look by itself. */
export async function askStripe({ checkoutId }: Pick<Act, 'checkoutId'>): Promise<OperationAnswer> {
  const due = await operations.readDue({ checkoutId });
  if (due === null) return refuse('no_payment');
  const payment = await look(due);
  const { asked } = await operations.askAgain({ checkoutId });
  return done({ payment_status: payment?.status ?? null, asked });
}

/** Money that came after the units went back: settlement takes them again if they are free, else gives the money back. */
export async function reclaimUnits({ checkoutId }: Pick<Act, 'checkoutId'>): Promise<OperationAnswer> {
  const due = await operations.readDue({ checkoutId });
  if (due === null) return refuse('no_payment');
  const payment = await look(due);
  if (payment === null) return refuse('stripe_unreachable');
  if (!payment.isPaidInFull) return refuse('no_money', { payment_status: payment.status });
  await startSettlement({ checkoutId });
  const { status } = await untilSettled.readSettled({ checkoutId });
  return status === 'confirmed' ? done({ status }) : refuse('units_gone', { status });
}

/** Decides one refund, in SQL and under the operation's own id, and hands it to settlement, which alone refunds. */
export async function refundOrder(
  act: Act & {
    amountMinor: number | null;
    returnedLines: RequestedLine[] | 'all';
    operator: string;
    reason: string;
  },
): Promise<OperationAnswer> {
  const { checkoutId, operationId, amountMinor, returnedLines, operator, reason } = act;
  const decision = await requestRefund({
    requestKey: `operation:${operationId}`,
    checkoutId,
    amountMinor,
    returnedLines,
    requestedBy: operator,
    reason,
  });
  if (decision.outcome === 'key_reused') throw new Error('A refund key is an operation of its own.');
  if (decision.outcome !== 'decided') return refuse(decision.outcome);
  await startSettlement({ checkoutId });
  return done({ amount: decision.amountMinor });
}

/** Null when Stripe cannot be asked now. */
async function look(due: ReadPaymentInput): Promise<PaymentReading | null> {
  try {
    return await stripeLook(LOOK_MAX_MS).readPayment(due);
  } catch (error) {
    if (error instanceof ActivityFailure && !isCancellation(error)) return null;
    throw error;
  }
}
