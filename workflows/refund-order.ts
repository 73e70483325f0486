// An operator gives money back: SQL decides, settlement carries it out.
import type { RefundDecision, RefundRequest } from '../contracts/refunds';
import { requestRefund, startSettlement } from './steps';

/**
 * Decides one refund, under the operation's own id, and hands it to settlement. Safe to run twice: a decision is a row.
 * Registered as workflow type `refundOrder`, id `operation-<operationId>`.
 */
export async function refundOrder(input: {
  operationId: string;
  request: RefundRequest;
}): Promise<RefundDecision> {
  const decision = await requestRefund({ requestKey: `operation:${input.operationId}`, ...input.request });
  if (decision.outcome === 'decided') await startSettlement({ checkoutId: input.request.checkoutId });
  return decision;
}
