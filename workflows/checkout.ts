// The checkout saga: reserve, create the payment, wait for it, confirm; or unwind, with proof before release. What is done
// and when is decided in decision/; here it is carried out.
import { CancellationScope, isCancellation, workflowInfo } from '@temporalio/workflow';

import type { CheckoutInput, CheckoutResult } from '../contracts/checkout';
import { carryOut } from './checkout-effects';
import { CheckoutRun, waitForHandlers } from './checkout-run';
import type { CheckoutAnswer } from './decision/checkout-state';
import type { CheckoutCommand } from './decision/commands';
import { isInWindow } from './decision/payment-window';

/** A run that Temporal takes up later than this does not open: its buyer has been told to come again. */
const FIRST_TASK_MAX_MS = 20_000;

/**
 * One checkout, from request to order or back. Ends with a result, never with a failure: its undos are tried until
 * they are proven. Registered as workflow type `checkout`, id `checkout-<checkoutId>`.
 */
export async function checkout(input: CheckoutInput): Promise<CheckoutResult> {
  const run = new CheckoutRun(input);
  let answer: CheckoutAnswer | null = { type: 'begun', isLate: isLate() };
  while (answer !== null) answer = await take(run, run.decide(answer));
  await CancellationScope.nonCancellable(waitForHandlers);
  return run.result;
}

/** Only the wait may be cut short by a cancellation; every other turn finishes what it began. */
async function take(run: CheckoutRun, commands: readonly CheckoutCommand[]): Promise<CheckoutAnswer | null> {
  if (!isInWindow(run.state)) return CancellationScope.nonCancellable(() => carryOutAll(run, commands));
  try {
    return await carryOutAll(run, commands);
  } catch (error) {
    // An operator's cancel, not the shopper's: an authorisation is let go as well.
    if (isCancellation(error)) return { type: 'run_canceled' };
    throw error;
  }
}

/** In order; the last one's answer is what is decided upon next. Null: the run is over. */
async function carryOutAll(
  run: CheckoutRun,
  commands: readonly CheckoutCommand[],
): Promise<CheckoutAnswer | null> {
  let answer: CheckoutAnswer = { type: 'done' };
  for (const command of commands) {
    if (command.do === 'finish') return null;
    answer = await carryOut(run, command);
  }
  return answer;
}

function isLate(): boolean {
  return Date.now() - workflowInfo().startTime.getTime() > FIRST_TASK_MAX_MS;
}
