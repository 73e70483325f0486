// One checkout run: its state, the messages that reach it, and who waits for its answers. What they mean is decided in decision/.
import { allHandlersFinished, CancellationScope, condition, setHandler } from '@temporalio/workflow';

import type { CheckoutInput, CheckoutResult, OpenAnswer, OpenedCheckout } from '../contracts/checkout';
import {
  askStripeSignal,
  cancelByOperatorUpdate,
  cancelSignal,
  extendUpdate,
  openUpdate,
  paymentEventSignal,
  reportQuery,
} from '../contracts/messages';
import type { CancelByOperatorAnswer, ExtendAnswer, ExtendRequest } from '../contracts/operations';
import type { CheckoutStatus } from '../contracts/statuses';
import { decide } from './decision/checkout';
import {
  FIRST_STATE,
  openedOf,
  type CheckoutAnswer,
  type CheckoutMessage,
  type CheckoutState,
} from './decision/checkout-state';
import type { CheckoutCommand } from './decision/commands';
import { hasPaymentNews } from './decision/news';
import { refusalOfCancel, refusalOfExtension } from './decision/operators';
import type { SagaSubject } from './saga-effects';

/** What a run takes along into a new history: all it knows, and what it was about to do. Plain data. */
export interface CheckoutPage {
  state: CheckoutState;
  todo: readonly CheckoutCommand[];
  status: CheckoutStatus;
  phase: string;
  answer: OpenAnswer | null;
  extensionAnswers: [requestKey: string, ExtendAnswer][];
}

export class CheckoutRun implements SagaSubject {
  readonly input: CheckoutInput;
  state: CheckoutState;
  /** For those who look on. */
  status: CheckoutStatus;
  phase: string;

  private answer: OpenAnswer | null;
  private readonly extensionAnswers: Map<string, ExtendAnswer>;

  constructor(input: CheckoutInput, page?: CheckoutPage) {
    this.input = input;
    this.state = page?.state ?? FIRST_STATE;
    this.status = page?.status ?? 'opening';
    this.phase = page?.phase ?? 'opening';
    this.answer = page?.answer ?? null;
    this.extensionAnswers = new Map(page?.extensionAnswers);
    setHandler(openUpdate, () => this.waitForAnswer(), {
      description: 'Answers once the checkout is open or refused',
    });
    setHandler(paymentEventSignal, (event) => this.hear({ type: 'payment_event', event }), {
      description: 'A verified Stripe event',
    });
    setHandler(cancelSignal, () => this.hear({ type: 'cancel_asked' }), {
      description: 'The shopper gives up',
    });
    setHandler(cancelByOperatorUpdate, () => this.cancelByOperator(), {
      description: 'An operator ends the payment, also an authorised or processing one',
    });
    setHandler(extendUpdate, (request) => this.extend(request), {
      description: 'An operator gives the buyer more time',
    });
    setHandler(askStripeSignal, () => this.hear({ type: 'look_asked' }), {
      description: 'Read the payment from Stripe again',
    });
    setHandler(reportQuery, () => this.report(), { description: 'How this checkout stands' });
  }

  get checkoutId(): string {
    return this.input.checkoutId;
  }

  get requestFingerprint(): string {
    return this.input.requestFingerprint;
  }

  /** The payment window's policy and sums; only asked after step 1. */
  get open(): OpenedCheckout {
    return openedOf(this.state);
  }

  get sums() {
    const { amountMinor, currency, policy } = this.open;
    return { amountMinor, currency, reclaimGraceSeconds: policy.reclaimGraceSeconds };
  }

  get boundId(): string {
    const { paymentIntentId } = this.state;
    if (paymentIntentId === null) throw new Error('No PaymentIntent is bound yet.');
    return paymentIntentId;
  }

  get result(): CheckoutResult {
    const { step } = this.state;
    if (step.at !== 'closed') throw new Error('The checkout has not closed yet.');
    return step.result;
  }

  hasPaymentNews(): boolean {
    return hasPaymentNews(this.state);
  }

  page(todo: readonly CheckoutCommand[]): CheckoutPage {
    const { state, status, phase, answer } = this;
    return { state, todo, status, phase, answer, extensionAnswers: [...this.extensionAnswers] };
  }

  /** Takes the answer in, and says what is done next. */
  decide(answer: CheckoutAnswer): readonly CheckoutCommand[] {
    const { state, commands } = decide(this.state, { ...answer, nowMs: Date.now() });
    this.state = state;
    return commands;
  }

  answerOpened(): void {
    this.answer ??= { outcome: 'opened', requestFingerprint: this.requestFingerprint };
  }

  /** The answer of a run that ends: a row that closed in any other way than refused was once open. */
  answerClosed(): void {
    const { status, failureCode } = this.result;
    const { requestFingerprint } = this;
    if (status === 'refused' && failureCode !== null) {
      this.answer ??= { outcome: 'refused', requestFingerprint, failureCode };
    }
    this.answerOpened();
  }

  answerExtension(requestKey: string, answer: ExtendAnswer): void {
    this.extensionAnswers.set(requestKey, answer);
  }

  /** Messages are remembered at once; nothing is done about them before the step under way has answered. */
  private hear(message: CheckoutMessage): void {
    this.state = decide(this.state, { ...message, nowMs: Date.now() }).state;
  }

  /** Also when the run is cancelled: its undos end in an answer, and an update that failed could not be asked again. */
  private async waitForAnswer(): Promise<OpenAnswer> {
    await CancellationScope.nonCancellable(() => condition(() => this.answer !== null));
    return this.answer as OpenAnswer;
  }

  private cancelByOperator(): CancelByOperatorAnswer {
    const refusal = refusalOfCancel(this.state);
    if (refusal !== null) return { outcome: 'refused', refusal };
    this.hear({ type: 'operator_canceled' });
    return { outcome: 'accepted' };
  }

  /** Waits for its turn in the payment window; leaving the window answers it as well. */
  private async extend(request: ExtendRequest): Promise<ExtendAnswer> {
    const { requestKey } = request;
    const known = this.extensionAnswers.get(requestKey);
    if (known !== undefined) return known;
    const refusal = refusalOfExtension(this.state);
    if (refusal !== null) return { outcome: 'refused', refusal };
    this.hear({ type: 'extension_asked', request });
    await CancellationScope.nonCancellable(() => condition(() => this.extensionAnswers.has(requestKey)));
    return this.extensionAnswers.get(requestKey) as ExtendAnswer;
  }

  private report() {
    const { step, paymentIntentId, attempts, seenIds, news } = this.state;
    return {
      status: this.status,
      phase: this.phase,
      paymentIntentId,
      attempts,
      eventsJudged: seenIds.length - news.events.length,
      result: step.at === 'closed' ? step.result : null,
    };
  }
}

/** Temporal closes a run whatever waits on it; an update still in its handler would get an error. */
export async function waitForHandlers(): Promise<void> {
  await condition(allHandlersFinished);
}
