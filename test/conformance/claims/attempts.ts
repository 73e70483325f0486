// Attempts to pay: a decline is not the end, 3D Secure waits, a bank debit takes days.
import { claims } from '../claim';
import type { Claim } from '../claim';
import { anything, aText, check, refused } from '../check';
import { NotHere } from '../conversation';

/** Test token, code, decline code (null = not looked at). */
const DECLINES: readonly (readonly [string, string, string | null])[] = [
  ['pm_card_visa_chargeDeclined', 'card_declined', 'generic_decline'],
  ['pm_card_visa_chargeDeclinedInsufficientFunds', 'card_declined', 'insufficient_funds'],
  ['pm_card_visa_chargeDeclinedLostCard', 'card_declined', 'lost_card'],
  ['pm_card_visa_chargeDeclinedStolenCard', 'card_declined', 'stolen_card'],
  ['pm_card_visa_chargeDeclinedVelocityLimitExceeded', 'card_declined', 'card_velocity_exceeded'],
  ['pm_card_chargeDeclinedExpiredCard', 'expired_card', null],
  ['pm_card_chargeDeclinedIncorrectCvc', 'incorrect_cvc', null],
  ['pm_card_chargeDeclinedProcessingError', 'processing_error', null],
  ['pm_card_chargeCustomerFail', 'card_declined', null],
  ['pm_card_radarBlock', 'card_declined', null],
];

function declineClaim(token: string, code: string, declineCode: string | null): Claim['run'] {
  return async (talk) => {
    const { id } = await talk.intent();
    const confirm = talk.stripe.paymentIntents.confirm(id, { payment_method: token });
    await refused('confirm', confirm, {
      status: 402,
      type: 'card_error',
      code,
      ...(declineCode === null ? {} : { declineCode }),
      charge: aText(/^ch_|^py_/),
      intentStatus: 'requires_payment_method',
    });
    check('the PaymentIntent', await talk.stripe.paymentIntents.retrieve(id), {
      status: 'requires_payment_method',
      amount_received: 0,
      last_payment_error: { code },
    });
  };
}

const challenged = (token: string): Claim['run'] => {
  return async (talk) => {
    const { id } = await talk.intent();
    const waiting = await talk.stripe.paymentIntents.confirm(id, {
      payment_method: token,
      return_url: 'https://example.com/back',
    });
    check('the PaymentIntent', waiting, {
      status: 'requires_action',
      amount_received: 0,
      next_action: anything,
    });
  };
};

export const ATTEMPTS = claims('attempt', {
  'a card pays: succeeded, all of it received': async (talk) => {
    check('the PaymentIntent', await talk.pay('pm_card_visa'), {
      status: 'succeeded',
      amount_received: 100,
      last_payment_error: null,
      latest_charge: aText(/^ch_|^py_/),
    });
  },
  ...Object.fromEntries(
    DECLINES.map(([token, code, declineCode]) => [
      `${token} is a 402 and leaves it payable`,
      declineClaim(token, code, declineCode),
    ]),
  ),
  'after a decline another card pays on the same PaymentIntent': async (talk) => {
    const { id } = await talk.intent();
    const first = { payment_method: 'pm_card_visa_chargeDeclined' };
    await refused('confirm', talk.stripe.paymentIntents.confirm(id, first), { status: 402 });
    const paid = await talk.stripe.paymentIntents.confirm(id, { payment_method: 'pm_card_visa' });
    check('the PaymentIntent', paid, { status: 'succeeded', amount_received: 100, last_payment_error: null });
    const { data } = await talk.stripe.charges.list({ payment_intent: id });
    check(
      'the charges, newest first',
      data.map(({ status }) => status),
      ['succeeded', 'failed'],
    );
  },
  '3D Secure waits for the buyer': challenged('pm_card_threeDSecure2Required'),
  'so does a card that always requires authentication': challenged('pm_card_authenticationRequired'),
  'so does one that will be declined afterwards': challenged('pm_card_threeDSecureRequiredChargeDeclined'),
  'a bank debit goes to processing': async (talk) => {
    const { id } = await talk
      .intent({ allowed_payment_method_types: ['us_bank_account'] })
      .catch((error: { statusCode?: number }) => {
        if (error.statusCode !== 400) throw error;
        throw new NotHere('the account does not offer us_bank_account');
      });
    const acceptance = { ip_address: '203.0.113.7', user_agent: 'holdfast-conformance' };
    const paying = await talk.stripe.paymentIntents.confirm(id, {
      payment_method: 'pm_usBankAccount_success',
      mandate_data: { customer_acceptance: { type: 'online', online: acceptance } },
    });
    check('the PaymentIntent', paying, { status: 'processing', amount_received: 0 });
  },
  'a payment method type that is not allowed is refused': async (talk) => {
    const { id } = await talk.intent();
    const confirm = talk.stripe.paymentIntents.confirm(id, { payment_method: 'pm_usBankAccount_success' });
    await refused('confirm', confirm, { status: 400, type: 'invalid_request_error' });
  },
});
