// Where money moves: held, captured, let go. Every step writes the charge, the PaymentIntent and their events together.

import { AUTHORISED, methodDetails, newCharge, putCharge, requireCharge } from '../charges';
import { wallTime } from '../clock';
import type { Context } from '../context';
import { openDispute, warnOfFraud } from '../disputes';
import { recordEvent } from '../events';
import { randomId } from '../ids';
import { cancelJob, scheduleJob } from '../jobs';
import type { PaymentIntentRecord, PaymentMethodRecord } from '../records';
import { testMethodByName } from '../test-methods';
import type { TestMethod } from '../test-methods';
import type { ChargeObject } from '../types';
import { moveTo } from './record';

/** Online card payments by the buyer: seven days (https://docs.stripe.com/payments/place-a-hold-on-a-payment-method). */
const AUTHORISATION_SECONDS = 7 * 86_400;
/** From a success to the balance transaction of its charge. */
const BALANCE_SECONDS = 1;

export function testMethodOf(method: PaymentMethodRecord): TestMethod {
  const found = testMethodByName(method.testMethod);
  if (!found) throw new Error(`unknown test method ${method.testMethod}`);
  return found;
}

/** The bank said yes: capture at once, or hold the money until someone captures it. */
export function authorise(
  context: Context,
  record: PaymentIntentRecord,
  method: PaymentMethodRecord,
): PaymentIntentRecord {
  return record.object.capture_method === 'manual'
    ? hold(context, record, method)
    : pay(context, record, method);
}

function hold(
  context: Context,
  record: PaymentIntentRecord,
  method: PaymentMethodRecord,
): PaymentIntentRecord {
  const captureBefore = context.clock.nowSeconds() + AUTHORISATION_SECONDS;
  const charge = newCharge(context, record.object, method, {
    status: 'succeeded',
    paid: true,
    outcome: AUTHORISED,
    payment_method_details: methodDetails(method, captureBefore),
  });
  const held = moveTo(context, record, 'requires_capture', {
    amount_capturable: record.object.amount,
    last_payment_error: null,
    latest_charge: charge.id,
    payment_method: method.id,
  });
  scheduleJob(context, 'expire_authorization', record.id, AUTHORISATION_SECONDS);
  recordEvent(context, 'charge.succeeded', charge);
  recordEvent(context, 'payment_intent.amount_capturable_updated', held.object);
  return held;
}

function pay(
  context: Context,
  record: PaymentIntentRecord,
  method: PaymentMethodRecord,
): PaymentIntentRecord {
  const charge = newCharge(context, record.object, method, {
    status: 'succeeded',
    paid: true,
    captured: true,
    amount_captured: record.object.amount,
    outcome: AUTHORISED,
    balance_transaction:
      record.object.capture_method === 'automatic' ? randomId(context.random, 'txn') : null,
  });
  recordEvent(context, 'charge.succeeded', charge);
  return succeed(context, record, charge, method);
}

/** The money is in: `charge` has been captured for its `amount_captured`. */
export function succeed(
  context: Context,
  record: PaymentIntentRecord,
  charge: ChargeObject,
  method: PaymentMethodRecord,
): PaymentIntentRecord {
  const captures = [...record.captures, { at: wallTime(), amount: charge.amount_captured }];
  const paid = moveTo(
    context,
    record,
    'succeeded',
    {
      amount_capturable: 0,
      amount_received: charge.amount_captured,
      last_payment_error: null,
      latest_charge: charge.id,
      payment_method: method.id,
    },
    { captures },
  );
  recordEvent(context, 'payment_intent.succeeded', paid.object);
  if (charge.balance_transaction === null) {
    scheduleJob(context, 'settle_balance', charge.id, BALANCE_SECONDS);
  }
  afterPayment(context, charge.id, testMethodOf(method));
  return paid;
}

/** With `automatic_async` the balance transaction comes later than the success, in `charge.updated`. */
export function settleBalance(context: Context, charge: ChargeObject): void {
  if (charge.balance_transaction !== null) return;
  const settled = putCharge(context, { ...charge, balance_transaction: randomId(context.random, 'txn') });
  recordEvent(context, 'charge.updated', settled, { balance_transaction: null });
}

function afterPayment(context: Context, chargeId: string, method: TestMethod): void {
  if (method.behaviour.kind !== 'pays') return;
  const charge = requireCharge(context, chargeId);
  if (method.behaviour.after === 'dispute') openDispute(context, charge);
  if (method.behaviour.after === 'early_fraud_warning') warnOfFraud(context, charge);
}

/** Captures a held authorisation; what is not captured is released with it. */
export function captureHeld(
  context: Context,
  record: PaymentIntentRecord,
  method: PaymentMethodRecord,
  amountMinor: number,
): PaymentIntentRecord {
  cancelJob(context, 'expire_authorization', record.id);
  const before = requireCharge(context, record.object.latest_charge ?? '');
  const charge = putCharge(context, {
    ...before,
    captured: true,
    amount_captured: amountMinor,
    balance_transaction: randomId(context.random, 'txn'),
  });
  recordEvent(context, 'charge.captured', charge, { captured: false });
  return succeed(context, record, charge, method);
}

/** Cancels and drops an authorisation. There is no refund for money that was never taken. */
export function cancelIntent(
  context: Context,
  record: PaymentIntentRecord,
  reason: string | null,
): PaymentIntentRecord {
  cancelJob(context, 'expire_authorization', record.id);
  const canceled = moveTo(context, record, 'canceled', {
    amount_capturable: 0,
    canceled_at: context.clock.nowSeconds(),
    cancellation_reason: reason,
  });
  recordEvent(context, 'payment_intent.canceled', canceled.object);
  return canceled;
}

/** The authorisation lapsed before anyone captured it. */
export function expireAuthorisation(context: Context, record: PaymentIntentRecord): PaymentIntentRecord {
  const charge = requireCharge(context, record.object.latest_charge ?? '');
  recordEvent(context, 'charge.expired', charge);
  return cancelIntent(context, record, 'expired');
}
