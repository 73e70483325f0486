// Every error the API can answer: a closed registry. docs/errors.md and docs/openapi.json are tested against it.

/** `same_key`: outcome unknown or never begun; `new_key`: final under this key; `no`: repeating does not help. */
export type Retry = 'same_key' | 'new_key' | 'no';

export interface ErrorDefinition {
  status: number;
  title: string;
  /** The plain sentence for the buyer (`error` on the wire). */
  sentence: string;
  retry: Retry;
}

export const ERRORS = {
  malformed_request: {
    status: 400,
    title: 'Malformed request',
    sentence: 'The request is not valid.',
    retry: 'no',
  },
  invalid_idempotency_key: {
    status: 400,
    title: 'Missing or invalid Idempotency-Key',
    sentence: 'An Idempotency-Key header of 16 to 255 printable ASCII characters is required.',
    retry: 'no',
  },
  invalid_signature: {
    status: 400,
    title: 'Invalid webhook signature',
    sentence: 'The webhook signature is missing, wrong, or more than five minutes off.',
    retry: 'no',
  },
  unauthorized: {
    status: 401,
    title: 'Unauthorized',
    sentence: 'A valid token is required.',
    retry: 'no',
  },
  not_found: {
    status: 404,
    title: 'Not found',
    sentence: 'There is nothing here.',
    retry: 'no',
  },
  method_not_allowed: {
    status: 405,
    title: 'Method not allowed',
    sentence: 'This address does not answer that method.',
    retry: 'no',
  },
  insufficient_inventory: {
    status: 409,
    title: 'Insufficient inventory',
    sentence: 'There are not enough units left.',
    retry: 'new_key',
  },
  drop_not_open: {
    status: 409,
    title: 'Drop not open',
    sentence: 'This drop is not open for orders now.',
    retry: 'new_key',
  },
  purchase_limit_reached: {
    status: 409,
    title: 'Purchase limit reached',
    sentence: 'This is more than one customer may buy of this product.',
    retry: 'new_key',
  },
  too_many_open_checkouts: {
    status: 409,
    title: 'Too many open checkouts',
    sentence: 'You have too many unpaid orders open. Please pay or cancel one first.',
    retry: 'new_key',
  },
  checkout_closed: {
    status: 409,
    title: 'Checkout closed',
    sentence: 'This checkout has already ended.',
    retry: 'no',
  },
  checkout_not_payable: {
    status: 409,
    title: 'Checkout not payable',
    sentence: 'This checkout cannot be paid now.',
    retry: 'no',
  },
  operation_refused: {
    status: 409,
    title: 'Operation refused',
    sentence: 'The operation was refused; detail says why.',
    retry: 'new_key',
  },
  payload_too_large: {
    status: 413,
    title: 'Payload too large',
    sentence: 'The request is too large.',
    retry: 'no',
  },
  unsupported_media_type: {
    status: 415,
    title: 'Unsupported media type',
    sentence: 'The request body must be JSON in UTF-8.',
    retry: 'no',
  },
  idempotency_key_reused: {
    status: 422,
    title: 'Idempotency-Key reused',
    sentence: 'This Idempotency-Key was used for another request.',
    retry: 'new_key',
  },
  unknown_product: {
    status: 422,
    title: 'Unknown product',
    sentence: 'One of the products does not exist.',
    retry: 'new_key',
  },
  mixed_currency: {
    status: 422,
    title: 'Mixed currency',
    sentence: 'All products of one order must have the same currency.',
    retry: 'new_key',
  },
  amount_too_small: {
    status: 422,
    title: 'Amount too small',
    sentence: 'The total is below the smallest amount that can be charged.',
    retry: 'new_key',
  },
  amount_too_large: {
    status: 422,
    title: 'Amount too large',
    sentence: 'The total is above the largest amount that can be charged.',
    retry: 'new_key',
  },
  invalid_customer_id: {
    status: 422,
    title: 'Invalid customer_id',
    sentence: 'customer_id must be an opaque id of 1 to 200 characters, never an e-mail address.',
    retry: 'no',
  },
  invalid_operator: {
    status: 422,
    title: 'Invalid operator',
    sentence: 'operator must be an opaque name of 1 to 100 characters, never an e-mail address.',
    retry: 'no',
  },
  internal_error: {
    status: 500,
    title: 'Internal error',
    sentence: 'Something went wrong on our side.',
    retry: 'same_key',
  },
  busy: {
    status: 503,
    title: 'Busy',
    sentence: 'There are too many buyers at this moment. Please try again.',
    retry: 'same_key',
  },
  checkout_pending: {
    status: 503,
    title: 'Checkout pending',
    sentence: 'Your order is being prepared. Please ask again in a moment.',
    retry: 'same_key',
  },
  checkout_not_opened: {
    status: 503,
    title: 'Checkout not opened',
    sentence: 'The order could not be started. Nothing was reserved or charged.',
    retry: 'new_key',
  },
  payment_provider_unavailable: {
    status: 503,
    title: 'Payment provider unavailable',
    sentence: 'Payments are not possible at this moment. Nothing was reserved or charged.',
    retry: 'new_key',
  },
  webhook_not_forwarded: {
    status: 503,
    title: 'Webhook not forwarded',
    sentence: 'The event is stored but could not be handed on. Please deliver it again.',
    retry: 'same_key',
  },
  service_unavailable: {
    status: 503,
    title: 'Service unavailable',
    sentence: 'The service cannot answer at this moment.',
    retry: 'same_key',
  },
} as const satisfies Record<string, ErrorDefinition>;

export type ErrorCode = keyof typeof ERRORS;

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}

export function errorDefinition(code: ErrorCode): ErrorDefinition {
  return ERRORS[code];
}
