// What one checkout run knows, and the messages that reach it. No decisions: those are in the steps.
import { allHandlersFinished, CancellationScope, condition, setHandler } from '@temporalio/workflow';

import type {
  CheckoutInput,
  CheckoutResult,
  OpenAnswer,
  OpenedCheckout,
  Unwinding,
} from '../contracts/checkout';
import {
  askStripeSignal,
  cancelByOperatorUpdate,
  cancelSignal,
  extendUpdate,
  openUpdate,
  paymentEventSignal,
  reportQuery,
} from '../contracts/messages';
import type { CancelByOperatorAnswer } from '../contracts/operations';
import type { PaymentEvent } from '../contracts/payment-events';
import type { CheckoutStatus } from '../contracts/statuses';
import { Extensions } from './extensions';
import { UndoStack } from './undo-stack';

/** Where the saga goes next. */
export type Turn =
  | { to: 'open' }
  | { to: 'create' }
  | { to: 'wait' }
  | { to: 'capture' }
  | { to: 'confirm' }
  | { to: 'unwind'; unwinding: Unwinding }
  | { to: 'closed'; result: CheckoutResult };

/** Beyond this, further events are left to the inbox: they stay stored, without outcome, and are driven again. */
const PENDING_EVENTS_MAX = 1_000;

export class CheckoutRun {
  readonly input: CheckoutInput;
  readonly undo = new UndoStack<Unwinding, Turn>();
  readonly extensions = new Extensions();
  status: CheckoutStatus = 'opening';
  phase = 'opening';
  opened: OpenedCheckout | null = null;
  paymentIntentId: string | null = null;
  deadlineMs = 0;
  attempts = 0;
  isCancelRequested = false;
  isAskedAgain = false;
  isCanceledByOperator = false;
  /** The turn under way: what an operator may still do depends on it. */
  turn: Turn['to'] = 'open';
  result: CheckoutResult | null = null;
  /** Judged, and not yet written as outcome: step 4, the release, or the end writes them. */
  readonly judgedIds: string[] = [];

  private answer: OpenAnswer | null = null;
  private readonly seenIds = new Set<string>();
  private readonly pending: PaymentEvent[] = [];

  constructor(input: CheckoutInput) {
    this.input = input;
    setHandler(openUpdate, () => this.waitForAnswer(), {
      description: 'Answers once the checkout is open or refused',
    });
    setHandler(paymentEventSignal, (event) => this.receive(event), {
      description: 'A verified Stripe event',
    });
    setHandler(cancelSignal, () => void (this.isCancelRequested = true), {
      description: 'The shopper gives up',
    });
    setHandler(cancelByOperatorUpdate, () => this.cancelByOperator(), {
      description: 'An operator ends the payment, also an authorised or processing one',
    });
    setHandler(extendUpdate, (request) => this.extensions.ask(this.turn, request), {
      description: 'An operator gives the buyer more time',
    });
    setHandler(askStripeSignal, () => void (this.isAskedAgain = true), {
      description: 'Read the payment from Stripe again',
    });
    setHandler(reportQuery, () => this.report(), { description: 'How this checkout stands' });
  }

  get checkoutId(): string {
    return this.input.checkoutId;
  }

  /** The payment window's policy and sums; only asked after step 1. */
  get open(): OpenedCheckout {
    if (this.opened === null) throw new Error('The checkout is not open yet.');
    return this.opened;
  }

  get boundId(): string {
    if (this.paymentIntentId === null) throw new Error('No PaymentIntent is bound yet.');
    return this.paymentIntentId;
  }

  enter(turn: Turn): void {
    this.turn = turn.to;
    this.extensions.refuseUnless(turn.to);
  }

  hasNews(): boolean {
    return (
      this.pending.length > 0 ||
      this.isCancelRequested ||
      this.isAskedAgain ||
      this.isCanceledByOperator ||
      this.extensions.isAsked
    );
  }

  hasPendingEvents(): boolean {
    return this.pending.length > 0;
  }

  nextEvent(): PaymentEvent | undefined {
    return this.pending.shift();
  }

  /** All that came, as judged by a re-read: what Stripe says now counts, whatever the events said. */
  takeNews(): void {
    this.judgedIds.push(...this.pending.splice(0).map((event) => event.eventId));
    this.isAskedAgain = false;
  }

  takeJudgedIds(): string[] {
    return this.judgedIds.splice(0);
  }

  answerOpened(): void {
    this.answer ??= { outcome: 'opened', requestFingerprint: this.input.requestFingerprint };
  }

  /** The answer of a run that ends: a row that closed in any other way than refused was once open. */
  answerClosed({ status, failureCode }: CheckoutResult): void {
    const { requestFingerprint } = this.input;
    if (status === 'refused' && failureCode !== null) {
      this.answer ??= { outcome: 'refused', requestFingerprint, failureCode };
    }
    this.answerOpened();
  }

  /** Also when the run is cancelled: its undos end in an answer, and an update that failed could not be asked again. */
  private async waitForAnswer(): Promise<OpenAnswer> {
    await CancellationScope.nonCancellable(() => condition(() => this.answer !== null));
    return this.answer as OpenAnswer;
  }

  /** Accepted also while the payment is being ended: from then on it is ended whatever its status. */
  private cancelByOperator(): CancelByOperatorAnswer {
    switch (this.turn) {
      case 'capture':
      case 'confirm':
        return { outcome: 'refused', refusal: 'payment_won' };
      case 'closed':
        return { outcome: 'refused', refusal: 'checkout_closed' };
      case 'open':
      case 'create':
      case 'wait':
      case 'unwind':
        this.isCanceledByOperator = true;
        // An ending under way wakes up and looks again.
        this.isAskedAgain = true;
        return { outcome: 'accepted' };
    }
  }

  private receive(event: PaymentEvent): void {
    if (this.seenIds.has(event.eventId) || this.pending.length >= PENDING_EVENTS_MAX) return;
    this.seenIds.add(event.eventId);
    this.pending.push(event);
  }

  private report() {
    return {
      status: this.status,
      phase: this.phase,
      paymentIntentId: this.paymentIntentId,
      attempts: this.attempts,
      eventsJudged: this.seenIds.size - this.pending.length,
      result: this.result,
    };
  }
}

/** Temporal closes a run whatever waits on it; an update still in its handler would get an error. */
export async function waitForHandlers(): Promise<void> {
  await condition(allHandlersFinished);
}
