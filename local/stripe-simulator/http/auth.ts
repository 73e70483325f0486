// API keys: two fixed ones, and nothing that could belong to a real account.

import type { IncomingMessage } from 'node:http';
import type { Audience } from '../context';
import { StripeApiError } from '../errors';
import type { Form } from '../form';

export const SECRET_KEY = 'sk_test_simulator';
export const PUBLISHABLE_KEY = 'pk_test_simulator';

/** Who calls, by the key in the header (Bearer or Basic) or in the parameter `key`. Throws 401. */
export function authenticate(request: IncomingMessage, form: Form): Audience {
  const key = headerKey(request) ?? formKey(form);
  if (key === undefined || key === '') {
    throw unauthorised(
      `You did not provide an API key. The Stripe simulator takes ${SECRET_KEY} as a Bearer token in the Authorization header.`,
    );
  }
  if (key === SECRET_KEY) return 'secret';
  if (key === PUBLISHABLE_KEY) return 'publishable';
  if (key.includes('_live_')) {
    throw unauthorised(
      `This is the Stripe simulator: no real money moves here, and live keys are refused. Use ${SECRET_KEY}, or point the application at the real Stripe.`,
    );
  }
  throw unauthorised(
    `Invalid API Key provided: ${masked(key)}. The Stripe simulator takes only ${SECRET_KEY} and ${PUBLISHABLE_KEY}.`,
  );
}

/** 401 for a call that a browser's key may not make. */
export function secretKeyRequired(): StripeApiError {
  return new StripeApiError(401, {
    type: 'invalid_request_error',
    code: 'secret_key_required',
    message: 'This API call cannot be made with a publishable API key. Please use a secret API key.',
  });
}

function headerKey(request: IncomingMessage): string | undefined {
  const [scheme, value] = (request.headers.authorization ?? '').split(' ', 2);
  if (value === undefined) return undefined;
  if (scheme?.toLowerCase() === 'bearer') return value;
  if (scheme?.toLowerCase() === 'basic') return Buffer.from(value, 'base64').toString().split(':')[0];
  return undefined;
}

function formKey(form: Form): string | undefined {
  const key = form['key'];
  return typeof key === 'string' ? key : undefined;
}

function masked(key: string): string {
  return `${key.slice(0, 8)}***`;
}

function unauthorised(message: string): StripeApiError {
  return new StripeApiError(401, { type: 'invalid_request_error', message });
}
