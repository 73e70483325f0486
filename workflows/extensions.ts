// An operator gives a buyer more time. Requests wait for their turn in the payment window's own loop, so that an extension
// and the deadline never happen at once.
import { CancellationScope, condition } from '@temporalio/workflow';

import type { ExtendAnswer, ExtendRequest, OperationRefusal } from '../contracts/operations';
import type { CheckoutRun, Turn } from './checkout-run';
import { extendCheckout } from './steps';
import { showWaiting } from './visibility';

export interface Extension {
  request: ExtendRequest;
  answer: ExtendAnswer | null;
}

export class Extensions {
  private readonly asked: Extension[] = [];

  get isAsked(): boolean {
    return this.asked.length > 0;
  }

  /** Waits for its turn; refused at once outside the payment window. */
  async ask(turn: Turn['to'], request: ExtendRequest): Promise<ExtendAnswer> {
    const extension: Extension = { request, answer: refusedIn(turn) };
    if (extension.answer === null) {
      this.asked.push(extension);
      // Also when the run is cancelled: leaving the window answers it.
      await CancellationScope.nonCancellable(() => condition(() => extension.answer !== null));
    }
    return extension.answer as ExtendAnswer;
  }

  next(): Extension | undefined {
    return this.asked.shift();
  }

  /** The window is over: whoever still waits is told why. */
  refuseUnless(turn: Turn['to']): void {
    const answer = refusedIn(turn);
    if (answer === null) return;
    for (const extension of this.asked.splice(0)) extension.answer = answer;
  }
}

const REFUSALS: Readonly<Record<Turn['to'], OperationRefusal | null>> = {
  open: 'still_opening',
  create: 'still_opening',
  wait: null,
  capture: 'payment_won',
  confirm: 'payment_won',
  unwind: 'compensation_began',
  closed: 'checkout_closed',
};

function refusedIn(turn: Turn['to']): ExtendAnswer | null {
  const refusal = REFUSALS[turn];
  return refusal === null ? null : { outcome: 'refused', refusal };
}

/**
 * The database first, then the timer. Were it the other way round, a lost write would leave units whose lease ends before
 * the buyer's time does. Not cut short by a cancellation: once the deadline may have moved, the answer must be known.
 */
export async function extend(run: CheckoutRun, extension: Extension): Promise<void> {
  extension.answer = await CancellationScope.nonCancellable(() => moveDeadline(run, extension.request));
}

async function moveDeadline(run: CheckoutRun, request: ExtendRequest): Promise<ExtendAnswer> {
  if (Date.now() >= run.deadlineMs) return { outcome: 'refused', refusal: 'deadline_passed' };
  const answer = await extendCheckout({ checkoutId: run.checkoutId, ...request });
  if (answer.outcome === 'extended') {
    run.deadlineMs += request.seconds * 1000;
    showWaiting(run);
  }
  return answer;
}
