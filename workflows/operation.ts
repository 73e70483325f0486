// An operator's act: on record before it happens, carried out once, and on record with what came of it.
import { CancellationScope } from '@temporalio/workflow';

import type { OperationAnswer, OperationInput, OperationRequest } from '../contracts/operations';
import { OPERATIONS_BY_STATUS } from '../contracts/operations';
import type { CheckoutStatus } from '../contracts/statuses';
import { cancelCheckout, extendCheckout, askStripe, reclaimUnits, refundOrder } from './operation-acts';
import { refuse } from './operation-answers';
import { reconcileNow } from './reconcile-now';
import { operations } from './steps';

/**
 * Registered as workflow type `operation`, id `operation-<operationId>`. Whatever crashes, it goes on, and every act is
 * idempotent by the operation's id; one that was finished before Temporal forgot it answers from its row.
 */
export async function operation(input: OperationInput): Promise<OperationAnswer> {
  return CancellationScope.nonCancellable(() => carryOut(input));
}

async function carryOut(input: OperationInput): Promise<OperationAnswer> {
  const begun = await operations.beginOperation(input);
  if (begun.answer !== null) return begun.answer;
  const answer = refusedAtOnce(input.request, begun) ?? (await act(input));
  await operations.finishOperation({ operationId: input.operationId, answer });
  return answer;
}

function refusedAtOnce(
  { action }: OperationRequest,
  { isTargetKnown, status }: { isTargetKnown: boolean; status: CheckoutStatus | null },
): OperationAnswer | null {
  if (!isTargetKnown) return refuse('unknown_target');
  if (status === null || !(action in OPERATIONS_BY_STATUS)) return null;
  const verdict = OPERATIONS_BY_STATUS[action as keyof typeof OPERATIONS_BY_STATUS][status];
  return verdict === 'allowed' ? null : refuse(verdict);
}

function act(input: OperationInput): Promise<OperationAnswer> {
  const { operationId, operator, reason, request } = input;
  switch (request.action) {
    case 'cancel':
      return cancelCheckout({ operationId, ...request });
    case 'extend':
      return extendCheckout({ operationId, ...request });
    case 'ask_stripe':
      return askStripe(request);
    case 'reclaim':
      return reclaimUnits(request);
    case 'refund':
      return refundOrder({ operationId, operator, reason, ...request });
    case 'replay_event':
      return operations.replayEvent(request);
    case 'restock':
      return operations.restock({ operationId, operator, reason, ...request });
    case 'resolve_incident':
      return operations.resolveIncident({ operationId, ...request });
    case 'clean_up':
      return operations.cleanUpNow();
    case 'reconcile':
      return reconcileNow();
  }
}
