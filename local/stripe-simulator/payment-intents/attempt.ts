// One confirmation: the test method says what the buyer's bank does with it, now or later.

import { AUTHORISED, declinedFate, newCharge, putCharge, requireCharge } from '../charges';
import type { Context } from '../context';
import { recordEvent } from '../events';
import { randomText } from '../ids';
import { scheduleJob } from '../jobs';
import { readMeta } from '../meta';
import type { PaymentIntentRecord, PaymentMethodRecord } from '../records';
import type { Decline } from '../test-methods';
import { authorise, succeed, testMethodOf } from './money';
import { moveTo } from './record';
import { cardError, decline, fail } from './setbacks';

/** One confirmation: pays, is declined, waits for 3DS, or goes to `processing`, as the test method says. */
export function attempt(
  context: Context,
  record: PaymentIntentRecord,
  method: PaymentMethodRecord,
  returnUrl: string | null,
): PaymentIntentRecord {
  const { behaviour } = testMethodOf(method);
  switch (behaviour.kind) {
    case 'pays':
      return authorise(context, record, method);
    case 'declines':
      return decline(context, record, method, behaviour.decline);
    case 'challenges':
      return challenge(context, record, method, returnUrl);
    case 'processes':
      return process(context, record, method);
  }
}

function challenge(
  context: Context,
  record: PaymentIntentRecord,
  method: PaymentMethodRecord,
  returnUrl: string | null,
): PaymentIntentRecord {
  const challengeToken = randomText(context.random, 24);
  const url = `${context.baseUrl}/3ds/${record.id}/${challengeToken}`;
  const waiting = moveTo(
    context,
    record,
    'requires_action',
    {
      last_payment_error: null,
      payment_method: method.id,
      next_action: { type: 'redirect_to_url', redirect_to_url: { url, return_url: returnUrl } },
    },
    { challengeToken },
  );
  recordEvent(context, 'payment_intent.requires_action', waiting.object);
  return waiting;
}

/** The buyer passed 3DS: the bank decides. */
export function passChallenge(
  context: Context,
  record: PaymentIntentRecord,
  method: PaymentMethodRecord,
): PaymentIntentRecord {
  const { behaviour } = testMethodOf(method);
  const why = behaviour.kind === 'challenges' ? behaviour.decline : undefined;
  const answered = { ...record, challengeToken: null };
  return why ? decline(context, answered, method, why) : authorise(context, answered, method);
}

function process(
  context: Context,
  record: PaymentIntentRecord,
  method: PaymentMethodRecord,
): PaymentIntentRecord {
  const charge = newCharge(context, record.object, method, { outcome: AUTHORISED });
  const processing = moveTo(context, record, 'processing', {
    last_payment_error: null,
    latest_charge: charge.id,
    payment_method: method.id,
  });
  recordEvent(context, 'charge.pending', charge);
  recordEvent(context, 'payment_intent.processing', processing.object);
  const { behaviour } = testMethodOf(method);
  const seconds = readMeta(context.store).settings.processing_seconds;
  if (seconds > 0 && behaviour.kind === 'processes' && !behaviour.stays) {
    scheduleJob(context, 'settle_processing', record.id, seconds);
  }
  return processing;
}

/** The bank debit arrived; or, with `why`, it did not. */
export function settleProcessing(
  context: Context,
  record: PaymentIntentRecord,
  method: PaymentMethodRecord,
  why: Decline | undefined,
): PaymentIntentRecord {
  const pending = requireCharge(context, record.object.latest_charge ?? '');
  if (why) {
    const charge = putCharge(context, { ...pending, ...declinedFate(why, testMethodOf(method)) });
    recordEvent(context, 'charge.failed', charge);
    return fail(context, record, charge.id, cardError(why, method, charge.id));
  }
  const charge = putCharge(context, {
    ...pending,
    status: 'succeeded',
    paid: true,
    captured: true,
    amount_captured: pending.amount,
  });
  recordEvent(context, 'charge.succeeded', charge);
  return succeed(context, record, charge, method);
}
