// From an operator's request to its end: the record first, then the workflow, then the record until it is finished.
import { setTimeout as pause } from 'node:timers/promises';

import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { Client } from '@temporalio/client';

import { operationWorkflowId } from '../../contracts/ids';
import { MAIN_TASK_QUEUE, OPERATION_WORKFLOW_TYPE } from '../../contracts/messages';
import type { OperationInput } from '../../contracts/operations';
import { readOperation } from '../../db/operations';
import type { OperationRecord } from '../../db/operations';
import type { ApiDeps } from '../deps';
import { Problem } from '../problems';

const CALL_DEADLINE_MS = 5_000;
const PAUSE_FIRST_MS = 20;
const PAUSE_MAX_MS = 250;

/**
 * Runs an operation, once per key, and waits for its end for at most `operationWaitMs`.
 * @returns null while it is still under way: it goes on by itself.
 * @throws Problem idempotency_key_reused; ServiceError when Temporal does not take it within 5 s.
 */
export async function runOperation(deps: ApiDeps, input: OperationInput): Promise<OperationRecord | null> {
  const known = await readOperation(deps.pool, input.operationId);
  if (known === null) await start(deps.temporalClient, input);
  return waitForEnd(deps, input);
}

async function start(client: Client, input: OperationInput): Promise<void> {
  const workflowId = operationWorkflowId(input.operationId);
  try {
    await client.withDeadline(Date.now() + CALL_DEADLINE_MS, () =>
      client.workflow.start(OPERATION_WORKFLOW_TYPE, {
        workflowId,
        taskQueue: MAIN_TASK_QUEUE,
        args: [input],
        workflowIdConflictPolicy: 'FAIL',
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        memo: { request_fingerprint: input.requestFingerprint },
        staticSummary: `${input.request.action}, by ${input.operator}`,
      }),
    );
  } catch (err) {
    if (!(err instanceof WorkflowExecutionAlreadyStartedError)) throw err;
    const { memo } = await client.withDeadline(Date.now() + CALL_DEADLINE_MS, () =>
      client.workflow.getHandle(workflowId).describe(),
    );
    requireSame(memo?.['request_fingerprint'], input);
  }
}

/** PostgreSQL is asked, not the workflow: it answers also when Temporal has forgotten the run. */
async function waitForEnd(deps: ApiDeps, input: OperationInput): Promise<OperationRecord | null> {
  const deadline = Date.now() + deps.settings.operationWaitMs;
  for (let pauseMs = PAUSE_FIRST_MS; ; pauseMs = Math.min(pauseMs * 2, PAUSE_MAX_MS)) {
    const record = await readOperation(deps.pool, input.operationId);
    if (record !== null) requireSame(record.requestFingerprint, input);
    if (record !== null && record.outcome !== null) return record;
    if (Date.now() + pauseMs >= deadline) return null;
    await pause(pauseMs);
  }
}

function requireSame(fingerprint: unknown, input: OperationInput): void {
  if (fingerprint !== input.requestFingerprint) throw new Problem('idempotency_key_reused');
}
