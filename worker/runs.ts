// The sagas' way back into Temporal: what runs, and how it is woken.
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { SignalDefinition } from '@temporalio/common';

import type { CheckoutRuns } from '../activities';
import type { CheckoutResult } from '../contracts/checkout';
import { checkoutWorkflowId } from '../contracts/ids';
import {
  askStripeSignal,
  cancelByOperatorUpdate,
  extendUpdate,
  paymentEventSignal,
  SETTLEMENT_WORKFLOW_TYPE,
} from '../contracts/messages';
import { settlementStart } from '../contracts/settlement-start';

/** Activities have 10 s in all; a call to Temporal that takes longer is tried again. */
const CALL_TIMEOUT_MS = 5_000;

/** Every call has a deadline of 5 s. @throws what the client throws, but for runs that are gone. */
export function createCheckoutRuns(client: Client): CheckoutRuns {
  const call = <T>(fn: () => Promise<T>): Promise<T> => client.withDeadline(Date.now() + CALL_TIMEOUT_MS, fn);
  const unlessGone = <T>(fn: () => Promise<T>): Promise<T | null> =>
    call(async () => {
      try {
        return await fn();
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return null;
        throw error;
      }
    });
  const run = (checkoutId: string) => client.workflow.getHandle(checkoutWorkflowId(checkoutId));
  const signal = async <Args extends unknown[]>(
    checkoutId: string,
    definition: SignalDefinition<Args>,
    ...args: Args
  ): Promise<boolean> =>
    (await unlessGone(async () => {
      await run(checkoutId).signal(definition, ...args);
      return true;
    })) ?? false;
  return {
    startSettlement: async (checkoutId) => {
      await call(() =>
        client.workflow.signalWithStart(SETTLEMENT_WORKFLOW_TYPE, settlementStart(checkoutId)),
      );
    },
    isCheckoutRunning: async (checkoutId) =>
      (await unlessGone(() => run(checkoutId).describe()))?.status.name === 'RUNNING',
    readCheckoutRun: (checkoutId) => call(() => readRun(client, checkoutId)),
    signalCheckout: (checkoutId, event) => signal(checkoutId, paymentEventSignal, event),
    askCheckout: (checkoutId) => signal(checkoutId, askStripeSignal),
    // An update id is answered once: a repeated call gets the stored answer, or waits for the one that is under way.
    cancelByOperator: (checkoutId, operationId) =>
      unlessGone(() => run(checkoutId).executeUpdate(cancelByOperatorUpdate, { updateId: operationId })),
    extendCheckout: (checkoutId, request) =>
      unlessGone(() =>
        run(checkoutId).executeUpdate(extendUpdate, { updateId: request.requestKey, args: [request] }),
      ),
  };
}

async function readRun(client: Client, checkoutId: string): ReturnType<CheckoutRuns['readCheckoutRun']> {
  const handle = client.workflow.getHandle<() => Promise<CheckoutResult>>(
    checkoutWorkflowId(checkoutId),
    undefined,
    { followRuns: false },
  );
  try {
    const { status } = await handle.describe();
    if (status.name === 'RUNNING') return { state: 'running' };
    if (status.name !== 'COMPLETED') return { state: 'without_result' };
    return { state: 'completed', result: await handle.result() };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return { state: 'unknown' };
    throw error;
  }
}
