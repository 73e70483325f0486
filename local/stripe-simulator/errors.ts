// Stripe's error envelope. Shapes and codes: https://docs.stripe.com/api/errors

import type { Outcome } from './context';
import { redactText } from './redact';
import type { PaymentIntentObject, PaymentMethodObject } from './types';

export interface ErrorFields {
  readonly type: 'invalid_request_error' | 'card_error' | 'idempotency_error' | 'api_error';
  readonly message: string;
  readonly code?: string;
  readonly param?: string;
  readonly decline_code?: string;
  readonly advice_code?: string;
  readonly network_decline_code?: string;
  readonly charge?: string;
  readonly doc_url?: string;
  readonly payment_intent?: PaymentIntentObject;
  readonly payment_method?: PaymentMethodObject;
}

/** Thrown by an operation before it changes anything; `isStored` = Stripe would keep it under the idempotency key. */
export class StripeApiError extends Error {
  readonly status: number;
  readonly fields: ErrorFields;
  readonly isStored: boolean;
  /** Sent beside the usual ones. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    fields: ErrorFields,
    isStored = false,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(fields.message);
    this.name = 'StripeApiError';
    this.status = status;
    this.fields = fields;
    this.isStored = isStored;
    this.headers = headers;
  }

  toOutcome(): Outcome {
    return errorOutcome(this.status, this.fields, this.isStored);
  }
}

export function errorOutcome(status: number, fields: ErrorFields, isStored: boolean): Outcome {
  return { status, body: { error: withDocUrl(fields) }, isStored };
}

export function docUrl(code: string): string {
  return `https://docs.stripe.com/error-codes#${code.replaceAll('_', '-')}`;
}

function withDocUrl(fields: ErrorFields): ErrorFields {
  return fields.code === undefined || fields.doc_url !== undefined
    ? fields
    : { ...fields, doc_url: docUrl(fields.code) };
}

/** A 400 for bad input: found before execution began, so it is not kept under the key. */
export function invalidRequest(
  message: string,
  extra: { code?: string; param?: string } = {},
): StripeApiError {
  return new StripeApiError(400, { type: 'invalid_request_error', message, ...extra });
}

/** 404 `resource_missing`, in Stripe's wording. `param` is the parameter that held the id. */
export function noSuch(what: string, id: string, param: string): StripeApiError {
  return new StripeApiError(404, {
    type: 'invalid_request_error',
    code: 'resource_missing',
    message: `No such ${what}: '${redactText(id)}'`,
    param,
  });
}

/** 400 `payment_intent_unexpected_state` with the whole PaymentIntent, as every state error of Stripe carries it. */
export function stateError(message: string, paymentIntent: PaymentIntentObject): StripeApiError {
  return new StripeApiError(400, stateErrorFields(message, paymentIntent), true);
}

export function stateErrorFields(message: string, paymentIntent: PaymentIntentObject): ErrorFields {
  return {
    type: 'invalid_request_error',
    code: 'payment_intent_unexpected_state',
    message,
    payment_intent: paymentIntent,
  };
}
