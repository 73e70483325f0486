// A comparison with Stripe because an operator asks for it, beside the schedule's own.
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ChildWorkflowFailure, executeChild } from '@temporalio/workflow';

import { RECONCILE_NOW_WORKFLOW_ID } from '../contracts/messages';
import type { OperationAnswer } from '../contracts/operations';
import { done, refuse } from './operation-answers';
import { reconcile } from './reconcile';

/** One at a time: each paces its questions to Stripe, and together they would not. */
export async function reconcileNow(): Promise<OperationAnswer> {
  try {
    const report = await executeChild(reconcile, {
      workflowId: RECONCILE_NOW_WORKFLOW_ID,
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      args: [],
    });
    const { checked, healed, orphansCanceled, incidents } = report;
    return done({ checked, healed, orphans_canceled: orphansCanceled, incidents });
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return refuse('already_running');
    if (error instanceof ChildWorkflowFailure) return refuse('cut_off');
    throw error;
  }
}
