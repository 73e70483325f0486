// Stripe's published test payment methods (https://docs.stripe.com/testing) and what each of them does.

export interface Decline {
  readonly code: string;
  readonly declineCode: string | null;
  readonly adviceCode: string | null;
  readonly message: string;
  readonly param?: string;
}

export type AfterPayment = 'dispute' | 'early_fraud_warning' | 'refund_pending' | 'refund_fails';

export type Behaviour =
  | { readonly kind: 'pays'; readonly after?: AfterPayment }
  | { readonly kind: 'declines'; readonly decline: Decline }
  | { readonly kind: 'challenges'; readonly decline?: Decline }
  | {
      readonly kind: 'processes';
      readonly decline?: Decline;
      /** Never settles by itself. */ readonly stays?: true;
    };

export interface TestMethod {
  /** The token, for example `pm_card_visa`. */
  readonly name: string;
  readonly type: 'card' | 'us_bank_account';
  readonly number: string;
  readonly brand: string;
  readonly behaviour: Behaviour;
}

const GENERIC = 'Your card was declined.';

function declined(declineCode: string, adviceCode: string, message = GENERIC): Decline {
  return { code: 'card_declined', declineCode, adviceCode, message };
}

const DECLINES = {
  generic: declined('generic_decline', 'try_again_later'),
  insufficientFunds: declined('insufficient_funds', 'try_again_later', 'Your card has insufficient funds.'),
  lost: declined('lost_card', 'do_not_try_again'),
  stolen: declined('stolen_card', 'do_not_try_again'),
  velocity: declined(
    'card_velocity_exceeded',
    'try_again_later',
    'Your card was declined for making repeated attempts too frequently or exceeding its amount limit.',
  ),
  fraudulent: declined('fraudulent', 'do_not_try_again'),
  expired: {
    code: 'expired_card',
    declineCode: null,
    adviceCode: 'confirm_card_data',
    message: 'Your card has expired.',
    param: 'exp_month',
  },
  cvc: {
    code: 'incorrect_cvc',
    declineCode: null,
    adviceCode: 'confirm_card_data',
    message: "Your card's security code is incorrect.",
    param: 'cvc',
  },
  processing: {
    code: 'processing_error',
    declineCode: null,
    adviceCode: 'try_again_later',
    message: 'An error occurred while processing your card. Try again in a little bit.',
  },
  accountClosed: {
    code: 'payment_method_bank_account_closed',
    declineCode: null,
    adviceCode: null,
    message: "The customer's bank account has been closed.",
  },
  bankInsufficientFunds: {
    code: 'payment_method_customer_decline',
    declineCode: 'insufficient_funds',
    adviceCode: null,
    message: "The customer's account has insufficient funds to cover this payment.",
  },
} as const satisfies Record<string, Decline>;

function card(name: string, number: string, behaviour: Behaviour, brand = 'visa'): TestMethod {
  return { name, type: 'card', number, brand, behaviour };
}

function bank(name: string, number: string, more: { decline?: Decline; stays?: true } = {}): TestMethod {
  return { name, type: 'us_bank_account', number, brand: '', behaviour: { kind: 'processes', ...more } };
}

const declines = (decline: Decline): Behaviour => ({ kind: 'declines', decline });

export const TEST_METHODS: readonly TestMethod[] = [
  card('pm_card_visa', '4242424242424242', { kind: 'pays' }),
  card('pm_card_mastercard', '5555555555554444', { kind: 'pays' }, 'mastercard'),
  card('pm_card_amex', '378282246310005', { kind: 'pays' }, 'amex'),
  card('pm_card_visa_chargeDeclined', '4000000000000002', declines(DECLINES.generic)),
  card(
    'pm_card_visa_chargeDeclinedInsufficientFunds',
    '4000000000009995',
    declines(DECLINES.insufficientFunds),
  ),
  card('pm_card_visa_chargeDeclinedLostCard', '4000000000009987', declines(DECLINES.lost)),
  card('pm_card_visa_chargeDeclinedStolenCard', '4000000000009979', declines(DECLINES.stolen)),
  card('pm_card_visa_chargeDeclinedVelocityLimitExceeded', '4000000000006975', declines(DECLINES.velocity)),
  card('pm_card_chargeDeclinedExpiredCard', '4000000000000069', declines(DECLINES.expired)),
  card('pm_card_chargeDeclinedIncorrectCvc', '4000000000000127', declines(DECLINES.cvc)),
  card('pm_card_chargeDeclinedProcessingError', '4000000000000119', declines(DECLINES.processing)),
  card('pm_card_chargeCustomerFail', '4000000000000341', declines(DECLINES.generic)),
  card('pm_card_radarBlock', '4100000000000019', declines(DECLINES.fraudulent)),
  card('pm_card_authenticationRequired', '4000002760003184', { kind: 'challenges' }),
  card('pm_card_threeDSecure2Required', '4000000000003220', { kind: 'challenges' }),
  card('pm_card_threeDSecureRequiredChargeDeclined', '4000008400001629', {
    kind: 'challenges',
    decline: DECLINES.generic,
  }),
  card('pm_card_createDispute', '4000000000000259', { kind: 'pays', after: 'dispute' }),
  card('pm_card_createIssuerFraudRecord', '4000000000005423', { kind: 'pays', after: 'early_fraud_warning' }),
  card('pm_card_pendingRefund', '4000000000007726', { kind: 'pays', after: 'refund_pending' }),
  card('pm_card_refundFail', '4000000000005126', { kind: 'pays', after: 'refund_fails' }),
  bank('pm_usBankAccount_success', '000123456789'),
  bank('pm_usBankAccount_accountClosed', '000111111113', { decline: DECLINES.accountClosed }),
  bank('pm_usBankAccount_insufficientFunds', '000222222227', { decline: DECLINES.bankInsufficientFunds }),
  bank('pm_usBankAccount_processing', '000000000009', { stays: true }),
];

/** Stripe's older spellings of the same tokens, found in samples. */
const ALIASES: Readonly<Record<string, string>> = {
  pm_card_chargeDeclined: 'pm_card_visa_chargeDeclined',
  pm_card_chargeDeclinedInsufficientFunds: 'pm_card_visa_chargeDeclinedInsufficientFunds',
  pm_card_threeDSecureRequired: 'pm_card_threeDSecure2Required',
};

const BY_NAME = new Map(TEST_METHODS.map((method) => [method.name, method]));
const BY_NUMBER = new Map(TEST_METHODS.map((method) => [method.number, method]));

export function testMethodByName(name: string): TestMethod | undefined {
  return BY_NAME.get(ALIASES[name] ?? name);
}

export function testMethodByNumber(number: string): TestMethod | undefined {
  return BY_NUMBER.get(number.replaceAll(/[\s-]/g, ''));
}
