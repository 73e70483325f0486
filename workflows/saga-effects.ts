// Carries out what both sagas decide about payment and units: one call for each command, and its answer.
import { condition, sleep } from '@temporalio/workflow';

import type { CapturedAnswer } from './decision/capturing';
import type { CheckoutAnswer } from './decision/checkout-state';
import type { SagaCommand } from './decision/commands';
import type { EndedAnswer } from './decision/ending';
import {
  closeEvents,
  closeUnboundCheckout,
  confirmCheckout,
  openIncident,
  releaseCheckout,
  renewLease,
  secureUnits,
  stripe,
  unlessNotTaken,
} from './steps';

/** What the effects need beyond their command; only asked for what a command needs. */
export interface SagaSubject {
  readonly checkoutId: string;
  readonly requestFingerprint: string;
  readonly boundId: string;
  readonly sums: { amountMinor: number; currency: string; reclaimGraceSeconds: number };
  /** Whether a pause that may be woken should end. */
  hasPaymentNews(): boolean;
}

export type SagaAnswer = Extract<
  CheckoutAnswer,
  { type: 'ended' | 'secured' | 'captured' | 'unbound_closed' | 'closed' | 'woken' | 'done' }
>;

const DONE: SagaAnswer = { type: 'done' };

export async function carryOutForSaga(subject: SagaSubject, command: SagaCommand): Promise<SagaAnswer> {
  const { checkoutId } = subject;
  switch (command.do) {
    case 'renew_lease':
      await renewLease({ checkoutId });
      return DONE;
    case 'end_payment':
      return { type: 'ended', ended: await endPayment(subject, command) };
    case 'secure_units':
      return { type: 'secured', ...(await secureUnits({ checkoutId })) };
    case 'capture':
      return { type: 'captured', captured: await capture(subject, command.n) };
    case 'confirm': {
      const { eventIds } = command;
      const paid = { checkoutId, paymentIntentId: subject.boundId, eventIds };
      return { type: 'closed', closed: await confirmCheckout(paid) };
    }
    case 'release': {
      const { status, failureCode, eventIds } = command;
      return { type: 'closed', closed: await releaseCheckout({ checkoutId, status, failureCode, eventIds }) };
    }
    case 'close_unbound': {
      const { requestFingerprint } = subject;
      const { failureCode } = command;
      const closed = await closeUnboundCheckout({ checkoutId, requestFingerprint, failureCode });
      return { type: 'unbound_closed', closed };
    }
    case 'close_events':
      await closeEvents({ checkoutId, eventIds: command.eventIds });
      return DONE;
    case 'open_incident':
      await openIncident({ checkoutId, kind: command.kind, detail: command.detail });
      return DONE;
    case 'pause':
      await (command.isWoken ? condition(() => subject.hasPaymentNews(), command.ms) : sleep(command.ms));
      return { type: 'woken' };
  }
}

type EndPayment = Extract<SagaCommand, { do: 'end_payment' }>;

function endPayment(subject: SagaSubject, { n, isReleased, isVoid }: EndPayment): Promise<EndedAnswer> {
  const { checkoutId, sums } = subject;
  const { amountMinor, currency } = sums;
  return unlessNotTaken(() =>
    stripe('end the payment, or learn how it ended', notTakenAfterMs(subject)).endPayment({
      checkoutId,
      n,
      amountMinor,
      currency,
      isReleased,
      isVoid,
    }),
  );
}

function capture(subject: SagaSubject, n: number): Promise<CapturedAnswer> {
  const { checkoutId, boundId: paymentIntentId, sums } = subject;
  const { amountMinor, currency } = sums;
  return unlessNotTaken(() =>
    stripe('take the authorised money', notTakenAfterMs(subject)).capturePayment({
      checkoutId,
      paymentIntentId,
      amountMinor,
      currency,
      n,
    }),
  );
}

/** A third of the lease: enough time to renew it when nobody takes the task. */
function notTakenAfterMs({ sums }: SagaSubject): number {
  return Math.floor((sums.reclaimGraceSeconds * 1000) / 3);
}
