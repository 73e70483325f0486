// Amounts: Stripe's currencies and limits (https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts).

import { invalidRequest } from './errors';

/** Smallest charge in minor units, for the currencies the simulator knows. */
const MINIMUM_MINOR: Readonly<Record<string, number>> = {
  aud: 50,
  brl: 50,
  cad: 50,
  chf: 50,
  czk: 1500,
  dkk: 250,
  eur: 50,
  gbp: 30,
  hkd: 400,
  huf: 17500,
  inr: 50,
  jpy: 50,
  mxn: 1000,
  nok: 300,
  nzd: 50,
  pln: 200,
  ron: 200,
  sek: 300,
  sgd: 50,
  usd: 50,
};

const MAXIMUM_MINOR = 99_999_999;
const ZERO_DECIMAL = new Set(['jpy']);

/** Lower-cases and checks a currency. Throws 400 for one the simulator does not know. */
export function checkCurrency(given: string): string {
  const currency = given.toLowerCase();
  if (Object.hasOwn(MINIMUM_MINOR, currency)) return currency;
  const known = Object.keys(MINIMUM_MINOR).join(', ');
  throw invalidRequest(`Invalid currency: ${given.slice(0, 20)}. The Stripe simulator knows: ${known}`, {
    param: 'currency',
  });
}

/** Throws `amount_too_small` or `amount_too_large`; both are final for these parameters. */
export function checkAmount(amountMinor: number, currency: string): void {
  if (amountMinor < 1) {
    throw invalidRequest('This value must be greater than or equal to 1.', {
      code: 'parameter_invalid_integer',
      param: 'amount',
    });
  }
  const minimum = MINIMUM_MINOR[currency] ?? 50;
  if (amountMinor < minimum) {
    throw invalidRequest(`Amount must be at least ${formatAmount(minimum, currency)}`, {
      code: 'amount_too_small',
      param: 'amount',
    });
  }
  if (amountMinor > MAXIMUM_MINOR) {
    throw invalidRequest(`Amount must be no more than ${formatAmount(MAXIMUM_MINOR, currency)}`, {
      code: 'amount_too_large',
      param: 'amount',
    });
  }
}

/** `12.50 usd`, for messages only. */
export function formatAmount(amountMinor: number, currency: string): string {
  if (ZERO_DECIMAL.has(currency)) return `${amountMinor} ${currency}`;
  const whole = Math.floor(amountMinor / 100);
  return `${whole}.${String(amountMinor % 100).padStart(2, '0')} ${currency}`;
}
