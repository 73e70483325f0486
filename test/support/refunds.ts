// Giving money back as an operator does, and what Stripe and the order then say.
import { randomUUID } from 'node:crypto';

import { operationWorkflowId } from '../../contracts/ids';
import { MAIN_TASK_QUEUE, OPERATION_WORKFLOW_TYPE } from '../../contracts/messages';
import type { OperationAnswer, OperationInput } from '../../contracts/operations';
import type { RefundDecision, RefundRequest } from '../../contracts/refunds';
import { readLedger, type LedgerRefund } from './ledger';
import { order, type Placed } from './orders';
import { until } from './until';
import type { World } from './world';

/** An order of two units that is paid and confirmed. */
export async function sell(world: World, paymentMethod = 'pm_card_visa'): Promise<Placed> {
  const placed = await order(world, 2);
  expect((await world.pay(placed.checkout, paymentMethod)).body.status).toBe('succeeded');
  await world.reach(placed.checkout, 'confirmed');
  return placed;
}

/** By default everything that is left, and no units. */
export async function refundOrder(
  world: World,
  { checkout }: Placed,
  rest: Partial<RefundRequest> = {},
  operationId: string = randomUUID(),
): Promise<RefundDecision> {
  const { requestedBy, reason, ...request } = {
    checkoutId: checkout.checkout_id,
    amountMinor: null,
    returnedLines: [],
    requestedBy: 'operator-7',
    reason: 'the buyer asked for it',
    ...rest,
  };
  const input: OperationInput = {
    operationId,
    requestFingerprint: JSON.stringify(request),
    operator: requestedBy,
    reason,
    request: { action: 'refund', ...request },
  };
  const answer: OperationAnswer = await world.env.client.workflow.execute(OPERATION_WORKFLOW_TYPE, {
    workflowId: operationWorkflowId(operationId),
    taskQueue: MAIN_TASK_QUEUE,
    args: [input],
  });
  if (answer.outcome === 'done') return { outcome: 'decided', amountMinor: Number(answer.result['amount']) };
  return { outcome: answer.refusal as Exclude<RefundDecision['outcome'], 'decided'> };
}

export async function reachOrder(
  world: World,
  { checkout }: Placed,
  status: string,
  timeoutMs?: number,
): Promise<void> {
  const read = async () => {
    const { rows } = await world.pool.query<{ status: string }>(
      'select status from orders where checkout_id = $1',
      [checkout.checkout_id],
    );
    return rows[0]?.status === status;
  };
  await until(`the order to be ${status}`, read, timeoutMs);
}

export async function stripeRefunds(world: World, { checkout }: Placed): Promise<LedgerRefund[]> {
  const { refunds } = await readLedger(world.simulatorUrl);
  return refunds.filter((one) => one.payment_intent === checkout.payment_intent_id);
}
