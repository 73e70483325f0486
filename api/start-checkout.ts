// Starts a checkout's workflow and waits for its `open` answer, in one call to Temporal.
import {
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import type { Client } from '@temporalio/client';

import type { CheckoutInput, OpenAnswer } from '../contracts/checkout';
import { checkoutWorkflowId } from '../contracts/ids';
import {
  CHECKOUT_WORKFLOW_TYPE,
  checkoutStatusAttribute,
  MAIN_TASK_QUEUE,
  OPEN_UPDATE_ID,
  openUpdate,
} from '../contracts/messages';
import { isRunGone } from './temporal-errors';

const DESCRIBE_DEADLINE_MS = 2_000;

export type StartResult =
  | { kind: 'answered'; answer: OpenAnswer }
  /** No answer in time. `runFingerprint` is whose run it is, where Temporal could still be asked. */
  | { kind: 'pending'; runFingerprint: string | null }
  /** The run is over and never answered: the row has the last word. */
  | { kind: 'ended' };

/**
 * Update-with-start under the checkout's id. A known update id is answered by the server from the stored outcome
 * whatever the arguments, so the caller compares fingerprints.
 * @throws ServiceError when Temporal cannot be reached or refuses the request.
 */
export async function startCheckout(
  client: Client,
  input: CheckoutInput,
  deadlineMs: number,
): Promise<StartResult> {
  try {
    const answer = await client.withDeadline(Date.now() + deadlineMs, () =>
      client.workflow.executeUpdateWithStart(openUpdate, {
        updateId: OPEN_UPDATE_ID,
        startWorkflowOperation: startOperation(input),
      }),
    );
    return { kind: 'answered', answer };
  } catch (err) {
    if (err instanceof WorkflowUpdateRPCTimeoutOrCancelledError) {
      return {
        kind: 'pending',
        runFingerprint: (await describeRun(client, input.checkoutId))?.fingerprint ?? null,
      };
    }
    if (err instanceof WorkflowExecutionAlreadyStartedError || err instanceof WorkflowNotFoundError) {
      return { kind: 'ended' };
    }
    if (err instanceof WorkflowUpdateFailedError || isRunGone(err))
      return afterFailedUpdate(client, input.checkoutId);
    throw err;
  }
}

function startOperation(input: CheckoutInput) {
  return new WithStartWorkflowOperation(CHECKOUT_WORKFLOW_TYPE, {
    workflowId: checkoutWorkflowId(input.checkoutId),
    taskQueue: MAIN_TASK_QUEUE,
    args: [input],
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowIdReusePolicy: 'REJECT_DUPLICATE',
    memo: { request_fingerprint: input.requestFingerprint },
    typedSearchAttributes: [{ key: checkoutStatusAttribute, value: 'opening' }],
    staticSummary: summaryOf(input),
  });
}

/** What an operator reads in the list of runs: `3 units of 2 products`. */
export function summaryOf({ lines }: Pick<CheckoutInput, 'lines'>): string {
  const units = lines.reduce((sum, line) => sum + line.quantity, 0);
  const products = new Set(lines.map((line) => line.dropProductId)).size;
  return `${units} ${units === 1 ? 'unit' : 'units'} of ${products} ${products === 1 ? 'product' : 'products'}`;
}

/** The update never fails by design; it does when its run ends under it (terminated, or failed by a bug). */
async function afterFailedUpdate(client: Client, checkoutId: string): Promise<StartResult> {
  const run = await describeRun(client, checkoutId);
  if (run === null || run.isRunning) return { kind: 'pending', runFingerprint: run?.fingerprint ?? null };
  return { kind: 'ended' };
}

interface RunDescription {
  isRunning: boolean;
  fingerprint: string | null;
}

/** Null when Temporal cannot be asked, or does not know the run. */
async function describeRun(client: Client, checkoutId: string): Promise<RunDescription | null> {
  try {
    const { status, memo } = await client.withDeadline(Date.now() + DESCRIBE_DEADLINE_MS, () =>
      client.workflow.getHandle(checkoutWorkflowId(checkoutId)).describe(),
    );
    const fingerprint: unknown = memo?.['request_fingerprint'];
    return {
      isRunning: status.name === 'RUNNING',
      fingerprint: typeof fingerprint === 'string' ? fingerprint : null,
    };
  } catch {
    return null;
  }
}
