// How settlement is woken, the same from wherever it happens: one run a checkout, started where none runs.
import { settlementWorkflowId } from './ids';
import { MAIN_TASK_QUEUE, settleSignal, type SettlementInput } from './messages';

/** Options for `signalWithStart` of `SETTLEMENT_WORKFLOW_TYPE`. Repeating it is safe: settlement reads everything anew. */
export function settlementStart(checkoutId: string) {
  return {
    workflowId: settlementWorkflowId(checkoutId),
    taskQueue: MAIN_TASK_QUEUE,
    args: [{ checkoutId }] as [SettlementInput],
    signal: settleSignal,
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    staticSummary: 'Settles what a checkout left open',
  } as const;
}
