// What an operator sees in the Temporal UI: search attributes kept true, and the run's state in a sentence.
import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';

import type { CheckoutResult, Unwinding } from '../contracts/checkout';
import {
  amountMinorAttribute,
  checkoutStatusAttribute,
  failureCodeAttribute,
  paymentIntentIdAttribute,
} from '../contracts/messages';
import type { CheckoutRun } from './checkout-run';
import type { CheckoutNote } from './decision/commands';

type Shown = Extract<CheckoutNote, { do: 'show' }>['what'];

export function show(run: CheckoutRun, what: Shown): void {
  switch (what) {
    case 'bound':
      return showBound(run);
    case 'waiting':
      return showWaiting(run);
    case 'processing':
      return showProcessing(run);
    case 'capturing':
      return showPhase(run, 'authorised: taking the money for units that are held');
    case 'confirming':
      return showPhase(run, 'paid: confirming the units');
    case 'unresolved':
      return showUnresolved(run);
    case 'closed':
      return showClosed(run);
  }
}

export function showUnwinding(run: CheckoutRun, { status, failureCode }: Unwinding): void {
  showPhase(run, `ending the payment and giving the units back (${failureCode ?? status})`);
}

function showPhase(run: CheckoutRun, phase: string): void {
  run.phase = phase;
  setCurrentDetails(details(run));
}

/** Attributes go along into a new history; what is shown of the run does not. */
export function showAgain(run: CheckoutRun): void {
  showPhase(run, run.phase);
}

/** One upsert where the payment is bound. */
function showBound(run: CheckoutRun): void {
  run.status = 'awaiting_payment';
  upsertSearchAttributes([
    { key: checkoutStatusAttribute, value: run.status },
    { key: paymentIntentIdAttribute, value: run.boundId },
    { key: amountMinorAttribute, value: run.open.amountMinor },
  ]);
  showWaiting(run);
}

function showWaiting(run: CheckoutRun): void {
  const deadline = new Date(run.state.deadlineMs).toISOString();
  showPhase(run, `waiting for the payment until ${deadline}`);
}

function showProcessing(run: CheckoutRun): void {
  if (run.status === 'payment_processing') return;
  run.status = 'payment_processing';
  upsertSearchAttributes([{ key: checkoutStatusAttribute, value: run.status }]);
  showPhase(run, 'the payment is being processed');
}

/** The units went back without proof; the run goes on. */
function showUnresolved(run: CheckoutRun): void {
  run.status = 'expired';
  upsertSearchAttributes([
    { key: checkoutStatusAttribute, value: run.status },
    { key: failureCodeAttribute, value: 'payment_unresolved' },
  ]);
  showPhase(run, 'the units went back without proof; still asking Stripe how the payment ends');
}

/** One upsert where the run closes. */
function showClosed(run: CheckoutRun): void {
  const { result } = run;
  run.status = result.status;
  upsertSearchAttributes([
    { key: checkoutStatusAttribute, value: result.status },
    ...(result.failureCode === null ? [] : [{ key: failureCodeAttribute, value: result.failureCode }]),
  ]);
  showPhase(run, ENDINGS[result.status] ?? result.status);
}

const ENDINGS: Partial<Record<CheckoutResult['status'], string>> = {
  confirmed: 'paid: the units are sold and the order stands',
  expired: 'nobody paid in time: the payment was ended, then the units went back',
  canceled: 'given up: the payment was ended, then the units went back',
  payment_failed: 'the payment failed for good: it was ended, then the units went back',
  refused: 'refused: nothing is held and nothing was charged',
  refund_pending: 'paid, but the units were gone: settlement gives the money back',
  refunded: 'paid, but the units were gone: the money was given back',
};

function details(run: CheckoutRun): string {
  const units = run.input.lines.reduce((sum, line) => sum + line.quantity, 0);
  const { open, attempts } = run.state;
  const sum = open === null ? '' : `, ${open.amountMinor} ${open.currency} in minor units`;
  const declines = attempts === 0 ? '' : `\n\nDeclined attempts: ${attempts}`;
  return `**${run.status}**: ${run.phase}\n\n${units} units on ${run.input.lines.length} lines${sum}${declines}`;
}
