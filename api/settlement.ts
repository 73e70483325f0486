// Hands a checkout to settlement: for money and rows that no running checkout will judge.
import type { Client } from '@temporalio/client';

import { settlementWorkflowId } from '../contracts/ids';
import { MAIN_TASK_QUEUE, SETTLEMENT_WORKFLOW_TYPE, settleSignal } from '../contracts/messages';

const SETTLEMENT_DEADLINE_MS = 5_000;

/**
 * Starts `settle-<checkoutId>`, or wakes the one that runs. Safe to repeat: settlement re-reads everything.
 * @throws ServiceError when Temporal does not take it within 5 s.
 */
export async function startSettlement(client: Client, checkoutId: string): Promise<void> {
  await client.withDeadline(Date.now() + SETTLEMENT_DEADLINE_MS, () =>
    client.workflow.signalWithStart(SETTLEMENT_WORKFLOW_TYPE, {
      workflowId: settlementWorkflowId(checkoutId),
      taskQueue: MAIN_TASK_QUEUE,
      args: [{ checkoutId }],
      signal: settleSignal,
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      staticSummary: 'Settles what a checkout left open',
    }),
  );
}
