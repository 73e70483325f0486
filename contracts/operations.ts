// What operators may do, and why they may be refused.

/** Why nothing was done; each with the sentence that its operator reads. */
export const OPERATION_REFUSALS = {
  checkout_closed: 'This checkout has ended.',
  still_opening: 'This checkout is still being opened. Try again in a moment.',
  deadline_passed: 'The payment deadline has passed.',
  compensation_began: 'The payment is being ended and the units are on their way back.',
  payment_won: 'The payment has won: the money is in, or is being taken. Refund the order instead.',
  extension_too_long: 'A checkout may be given 600 seconds more in all.',
} as const;

export type OperationRefusal = keyof typeof OPERATION_REFUSALS;

/** Longest time by which all extensions together move a payment deadline (DESIGN 4.9). */
export const EXTENSION_SECONDS_MAX = 600;

export interface Refused {
  outcome: 'refused';
  refusal: OperationRefusal;
}

/** A running checkout's answer to an operator's cancel. Accepted: the payment is ended; how, its result tells. */
export type CancelByOperatorAnswer = { outcome: 'accepted' } | Refused;

export interface ExtendRequest {
  /** The operation's own: under one key a checkout is extended once. */
  requestKey: string;
  seconds: number;
}

export type ExtendAnswer = { outcome: 'extended' } | Refused;
