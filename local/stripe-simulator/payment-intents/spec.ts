// Parameters that create and update of a PaymentIntent share, and which payment methods the account offers.

import { invalidRequest } from '../errors';
import { clearableText, integer, listOf, metadata, oneOf, opaque, text } from '../params';
import type { Spec } from '../params';
import { paymentMethodData } from '../payment-methods';

/** What the simulator's account offers, as if switched on in the dashboard. */
const ACCOUNT_METHOD_TYPES = ['card', 'us_bank_account'];

/** Parameters of Stripe's that the simulator has no use for; refused by name. */
export const UNSUPPORTED = [
  'application_fee_amount',
  'confirmation_token',
  'customer',
  'customer_account',
  'hooks',
  'mandate',
  'mandate_data',
  'on_behalf_of',
  'payment_details',
  'payment_method_configuration',
  'transfer_data',
  'transfer_group',
];

/** Parameters of create and update. The opaque ones are accepted and change nothing. */
export const SHARED_SPEC = {
  allowed_payment_method_types: listOf(text),
  amount: integer,
  amount_details: opaque,
  capture_method: oneOf('automatic', 'automatic_async', 'manual'),
  currency: text,
  description: clearableText,
  excluded_payment_method_types: listOf(text),
  metadata,
  payment_method: text,
  payment_method_data: paymentMethodData,
  payment_method_options: opaque,
  receipt_email: clearableText,
  setup_future_usage: oneOf('on_session', 'off_session'),
  shipping: opaque,
  statement_descriptor: text,
  statement_descriptor_suffix: text,
} satisfies Spec;

export function checkMethodTypes(types: readonly string[] | undefined): void {
  const strange = types?.find((type) => !ACCOUNT_METHOD_TYPES.includes(type));
  if (strange === undefined && types?.length !== 0) return;
  throw invalidRequest(
    `The Stripe simulator knows these payment method types: ${ACCOUNT_METHOD_TYPES.join(', ')}.`,
    { param: 'allowed_payment_method_types' },
  );
}

/** The read-only `payment_method_types` that follows from what a create allowed or excluded. */
export function methodTypes(params: {
  readonly allowed_payment_method_types?: readonly string[] | undefined;
  readonly excluded_payment_method_types?: readonly string[] | undefined;
}): readonly string[] {
  const excluded = params.excluded_payment_method_types ?? [];
  return (
    params.allowed_payment_method_types ?? ACCOUNT_METHOD_TYPES.filter((type) => !excluded.includes(type))
  );
}
