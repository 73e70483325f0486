// The checkout saga: reserve, create the payment, wait for it, confirm; or unwind, with proof before release.
import { CancellationScope, workflowInfo } from '@temporalio/workflow';

import type { CheckoutInput, CheckoutResult, Unwinding } from '../contracts/checkout';
import { captureStep } from './capture-step';
import { CheckoutRun, waitForHandlers, type Turn } from './checkout-run';
import { confirmStep } from './confirm-step';
import { createStep } from './create-step';
import { judgeLeftovers } from './leftovers';
import { openStep } from './open-step';
import { undoOpen } from './undo-open';
import { showClosed, showPhase } from './visibility';
import { waitStep } from './wait-step';

/** A run that Temporal takes up later than this does not open: its buyer has been told to come again. */
const FIRST_TASK_MAX_MS = 20_000;

/**
 * One checkout, from request to order or back. Ends with a result, never with a failure: its undos are tried until
 * they are proven. Registered as workflow type `checkout`, id `checkout-<checkoutId>`.
 */
export async function checkout(input: CheckoutInput): Promise<CheckoutResult> {
  const run = new CheckoutRun(input);
  const result = await saga(run);
  await CancellationScope.nonCancellable(async () => {
    run.result = result;
    showClosed(run, result);
    run.answerClosed(result);
    await judgeLeftovers(run, result);
    await waitForHandlers();
  });
  return result;
}

async function saga(run: CheckoutRun): Promise<CheckoutResult> {
  run.undo.add(undoOpen(run));
  let turn: Turn = isLate() ? NOT_OPENED : { to: 'open' };
  for (;;) {
    run.enter(turn);
    if (turn.to === 'closed') return turn.result;
    turn = await take(run, turn);
  }
}

/** Only the wait may be cut short by a cancellation; every other turn finishes what it began. */
async function take(run: CheckoutRun, turn: Exclude<Turn, { to: 'closed' }>): Promise<Turn> {
  switch (turn.to) {
    case 'open':
      return CancellationScope.nonCancellable(() => openStep(run));
    case 'create':
      return CancellationScope.nonCancellable(() => createStep(run));
    case 'wait':
      return waitStep(run);
    case 'capture':
      return CancellationScope.nonCancellable(() => captureStep(run));
    case 'confirm':
      return CancellationScope.nonCancellable(() => confirmStep(run));
    case 'unwind':
      return CancellationScope.nonCancellable(() => unwind(run, turn.unwinding));
  }
}

async function unwind(run: CheckoutRun, unwinding: Unwinding): Promise<Turn> {
  showPhase(
    run,
    `ending the payment and giving the units back (${unwinding.failureCode ?? unwinding.status})`,
  );
  return run.undo.unwind(unwinding);
}

function isLate(): boolean {
  return Date.now() - workflowInfo().startTime.getTime() > FIRST_TASK_MAX_MS;
}

const NOT_OPENED: Turn = {
  to: 'unwind',
  unwinding: { status: 'refused', failureCode: 'checkout_not_opened' },
};
