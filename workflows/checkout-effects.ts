// Carries out what a checkout decides: one call for each command, and its answer.
import { ActivityFailure, CancellationScope, condition, isCancellation } from '@temporalio/workflow';

import type { CreateOutcome } from '../activities/create-payment';
import type { PaymentReading } from '../activities/read-payment';
import type { OpenOutcome } from '../activities/checkout';
import type { CheckoutRun } from './checkout-run';
import type { CheckoutAnswer } from './decision/checkout-state';
import type { CheckoutCommand, CheckoutNote } from './decision/commands';
import { hasNews } from './decision/news';
import { carryOutForSaga } from './saga-effects';
import {
  extendCheckout,
  openCheckout,
  recordDecline,
  recordProcessing,
  startSettlement,
  stripeCreate,
  stripeLook,
} from './steps';
import { show, showUnwinding } from './visibility';

type Command = Exclude<CheckoutCommand, { do: 'finish' }>;
const DONE: CheckoutAnswer = { type: 'done' };

export async function carryOut(run: CheckoutRun, command: Command): Promise<CheckoutAnswer> {
  const { checkoutId } = run;
  switch (command.do) {
    case 'open':
      return { type: 'opened', opened: await open(run) };
    case 'create':
      return { type: 'created', created: await create(run, command.n, command.withinMs) };
    case 'wait':
      await waitForNews(run, command.untilMs);
      return { type: 'woken' };
    case 'look':
      return { type: 'looked', payment: await look(run, command.withinMs) };
    case 'record_decline': {
      const { eventId, attempt } = command;
      return { type: 'counted', ...(await recordDecline({ checkoutId, eventId, attempt })) };
    }
    case 'record_processing':
      await recordProcessing({ checkoutId, eventId: command.eventId });
      return DONE;
    case 'extend': {
      // Not cut short by a cancellation: once the deadline may have moved, the answer must be known.
      const extend = () => extendCheckout({ checkoutId, ...command.request });
      return { type: 'extended', answer: await CancellationScope.nonCancellable(extend) };
    }
    case 'start_settlement':
      await startSettlement({ checkoutId });
      return DONE;
    case 'show':
    case 'show_unwinding':
    case 'answer_opened':
    case 'answer_closed':
    case 'answer_extension':
      note(run, command);
      return DONE;
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

function note(run: CheckoutRun, command: CheckoutNote): void {
  switch (command.do) {
    case 'show':
      return show(run, command.what);
    case 'show_unwinding':
      return showUnwinding(run, command.why);
    case 'answer_opened':
      return run.answerOpened();
    case 'answer_closed':
      return run.answerClosed();
    case 'answer_extension':
      return run.answerExtension(command.requestKey, command.answer);
  }
}

async function open(run: CheckoutRun): Promise<OpenOutcome | { outcome: 'gave_up' }> {
  try {
    return await openCheckout(run.input);
  } catch (error) {
    if (error instanceof ActivityFailure) return { outcome: 'gave_up' };
    throw error;
  }
}

async function create(
  run: CheckoutRun,
  n: number,
  withinMs: number,
): Promise<CreateOutcome | { outcome: 'gave_up' }> {
  const { amountMinor, currency, reservationIds, openedAtUnixSeconds, policy } = run.open;
  try {
    return await stripeCreate(withinMs).createPayment({
      checkoutId: run.checkoutId,
      n,
      amountMinor,
      currency,
      reservationIds,
      openedAtUnixSeconds,
      captureMethod: policy.captureMethod,
    });
  } catch (error) {
    if (error instanceof ActivityFailure) return { outcome: 'gave_up' };
    throw error;
  }
}

async function waitForNews(run: CheckoutRun, untilMs: number): Promise<void> {
  const remainingMs = untilMs - Date.now();
  if (remainingMs <= 0) return;
  await condition(() => hasNews(run.state), remainingMs, { summary: 'payment window' });
}

async function look(run: CheckoutRun, withinMs: number): Promise<PaymentReading | null> {
  const { amountMinor, currency } = run.open;
  try {
    return await stripeLook(withinMs).readPayment({
      checkoutId: run.checkoutId,
      paymentIntentId: run.boundId,
      amountMinor,
      currency,
    });
  } catch (error) {
    if (error instanceof ActivityFailure && !isCancellation(error)) return null;
    throw error;
  }
}
