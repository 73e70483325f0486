// Settlement: what becomes of money that reached no running checkout, of a checkout whose run is gone, of every refund. What is
// done and when is decided in decision/settlement.ts; here it is carried out.
import { CancellationScope, condition, continueAsNew, setHandler } from '@temporalio/workflow';

import { settleSignal, type SettlementInput } from '../contracts/messages';
import { waitForHandlers } from './checkout-run';
import type { SettlementCommand } from './decision/commands';
import { decideSettlement } from './decision/settlement';
import {
  caseOf,
  FIRST_SETTLEMENT_STATE,
  type SettlementAnswer,
  type SettlementEvent,
  type SettlementState,
} from './decision/settlement-state';
import { isPageFull, PageFull } from './page';
import { carryOutForSaga, type SagaSubject } from './saga-effects';
import { askCheckout, isCheckoutRunning, readSettlementCase, stripe } from './steps';

/**
 * Settles one checkout. Everything is read anew, because memory is PostgreSQL and truth is Stripe; the signal that
 * started or woke it carries nothing. Registered as workflow type `settlement`, id `settle-<checkoutId>`.
 */
export async function settlement(input: SettlementInput): Promise<void> {
  const run = new SettlementRun(input.checkoutId);
  setHandler(settleSignal, () => void run.decide({ type: 'settle_asked' }));
  await CancellationScope.nonCancellable(async () => {
    let answer: SettlementAnswer | null = { type: 'begun' };
    while (answer !== null) answer = await carryOutAll(run, run.decide(answer));
    await waitForHandlers();
  });
}

class SettlementRun implements SagaSubject {
  state: SettlementState = FIRST_SETTLEMENT_STATE;
  readonly checkoutId: string;

  constructor(checkoutId: string) {
    this.checkoutId = checkoutId;
  }

  get requestFingerprint(): string {
    return caseOf(this.state).requestFingerprint;
  }

  get sums() {
    return caseOf(this.state);
  }

  get boundId(): string {
    const { paymentIntentId } = caseOf(this.state);
    if (paymentIntentId === null) throw new Error('No PaymentIntent is bound.');
    return paymentIntentId;
  }

  hasPaymentNews(): boolean {
    return this.state.hasNews;
  }

  decide(event: SettlementEvent): readonly SettlementCommand[] {
    const { state, commands } = decideSettlement(this.state, event);
    this.state = state;
    return commands;
  }
}

/** In order; the last one's answer is what is decided upon next. Null: the run is over. */
async function carryOutAll(
  run: SettlementRun,
  commands: readonly SettlementCommand[],
): Promise<SettlementAnswer | null> {
  let answer: SettlementAnswer = { type: 'done' };
  for (const command of commands) {
    if (command.do === 'finish') return null;
    try {
      answer = await carryOut(run, command);
    } catch (error) {
      if (error instanceof PageFull) return turnPage(run);
      throw error;
    }
  }
  return answer;
}

/** Nothing is remembered that cannot be read again. */
function turnPage({ checkoutId }: SettlementRun): Promise<never> {
  return continueAsNew<typeof settlement>({ checkoutId });
}

async function carryOut(
  run: SettlementRun,
  command: Exclude<SettlementCommand, { do: 'finish' }>,
): Promise<SettlementAnswer> {
  const { checkoutId } = run;
  switch (command.do) {
    case 'read_case':
      return { type: 'read', found: await readSettlementCase({ checkoutId }) };
    case 'ask_checkout': {
      const isTaken = (await isCheckoutRunning({ checkoutId })) && (await askCheckout({ checkoutId }));
      return { type: 'asked', isTaken };
    }
    case 'record_money': {
      const paymentIntentId = run.boundId;
      await stripe('read refunds and disputes').recordMoney({ checkoutId, paymentIntentId });
      return { type: 'done' };
    }
    case 'refund': {
      const { outcome } = await stripe('give the money back').refundPayment({ checkoutId });
      return { type: 'refunded', isAgain: outcome === 'again' };
    }
    case 'rest':
      await condition(() => run.state.isWoken, command.ms);
      return { type: 'woken' };
    case 'turn_page':
      if (isPageFull()) await turnPage(run);
      return { type: 'done' };
    case 'capture':
    case 'close_events':
    case 'close_unbound':
    case 'confirm':
    case 'end_payment':
    case 'open_incident':
    case 'pause':
    case 'release':
    case 'renew_lease':
    case 'secure_units':
      return carryOutForSaga(run, command);
  }
}
