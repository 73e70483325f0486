// The checkout saga: reserve, create the payment, wait for it, confirm; or unwind, with proof before release. What is done
// and when is decided in decision/; here it is carried out.
import { CancellationScope, continueAsNew, isCancellation, workflowInfo } from '@temporalio/workflow';

import type { CheckoutInput, CheckoutResult } from '../contracts/checkout';
import { carryOut } from './checkout-effects';
import { CheckoutRun, waitForHandlers, type CheckoutPage } from './checkout-run';
import type { CheckoutAnswer } from './decision/checkout-state';
import type { CheckoutCommand } from './decision/commands';
import { isRepeating, leftToDo } from './decision/pages';
import { isInWindow } from './decision/payment-window';
import { isPageFull, PageFull } from './page';
import { showAgain } from './visibility';

/** A run that Temporal takes up later than this does not open: its buyer has been told to come again. */
const FIRST_TASK_MAX_MS = 20_000;

/**
 * One checkout, from request to order or back. Ends with a result, never with a failure: its undos are tried until
 * they are proven. Registered as workflow type `checkout`, id `checkout-<checkoutId>`.
 * @param page only from itself: what it knew when it left a long history behind.
 */
export async function checkout(input: CheckoutInput, page?: CheckoutPage): Promise<CheckoutResult> {
  const run = new CheckoutRun(input, page);
  if (page !== undefined) showAgain(run);
  let commands = page?.todo ?? run.decide({ type: 'begun', isLate: isLate() });
  for (;;) {
    const answer = await take(run, commands);
    if (answer === null) break;
    commands = run.decide(answer);
  }
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
  if (isRepeating(run.state) && isPageFull()) return turnPage(run, commands);
  let answer: CheckoutAnswer = { type: 'done' };
  for (const [index, command] of commands.entries()) {
    if (command.do === 'finish') return null;
    try {
      answer = await carryOut(run, command);
    } catch (error) {
      if (error instanceof PageFull) return turnPage(run, commands.slice(index));
      throw error;
    }
  }
  return answer;
}

/** Leaves a long history behind. What came before is done, what is left to do is done in the new one. */
function turnPage(run: CheckoutRun, todo: readonly CheckoutCommand[]): Promise<never> {
  return continueAsNew<typeof checkout>(run.input, run.page(leftToDo(todo)));
}

function isLate(): boolean {
  return Date.now() - workflowInfo().startTime.getTime() > FIRST_TASK_MAX_MS;
}
