// The run's shared Temporal server, on which no worker polls: what the API hands over can be looked at, and stays.
import { Client, Connection } from '@temporalio/client';

import { MAIN_TASK_QUEUE } from '../../contracts/messages';
import { checkoutWorkflowId } from '../../contracts/ids';

export interface IdleTemporal {
  client: Client;
  /** A run under the checkout's id that takes every signal and never moves. */
  startIdleRun(checkoutId: string, requestFingerprint?: string): Promise<void>;
  /** Names of the signals a workflow was sent, in order; null when there is no such workflow. */
  signalsOf(workflowId: string): Promise<string[] | null>;
  terminate(workflowId: string): Promise<void>;
  close(): Promise<void>;
}

export async function connectIdleTemporal(): Promise<IdleTemporal> {
  const address = process.env['HOLDFAST_TEST_TEMPORAL_ADDRESS'];
  if (address === undefined) throw new Error('HOLDFAST_TEST_TEMPORAL_ADDRESS is not set.');
  const connection = await Connection.connect({ address });
  const client = new Client({ connection });
  return {
    client,
    startIdleRun: async (checkoutId, requestFingerprint) => {
      await client.workflow.start('idle', {
        workflowId: checkoutWorkflowId(checkoutId),
        taskQueue: MAIN_TASK_QUEUE,
        ...(requestFingerprint !== undefined && { memo: { request_fingerprint: requestFingerprint } }),
      });
    },
    signalsOf: async (workflowId) => {
      const history = await client.workflow
        .getHandle(workflowId)
        .fetchHistory()
        .catch(() => null);
      if (history === null) return null;
      return (history.events ?? []).flatMap((event) => {
        const name = event.workflowExecutionSignaledEventAttributes?.signalName;
        return typeof name === 'string' ? [name] : [];
      });
    },
    terminate: async (workflowId) => {
      await client.workflow.getHandle(workflowId).terminate('ended by a test');
    },
    close: () => connection.close(),
  };
}
