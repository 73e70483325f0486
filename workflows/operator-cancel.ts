// How a checkout ends when an operator says so: an authorised or processing payment is let go as well.
import type { Unwinding } from '../contracts/checkout';

export const OPERATOR_CANCEL = {
  status: 'canceled',
  failureCode: null,
  isVoid: true,
} as const satisfies Unwinding;
