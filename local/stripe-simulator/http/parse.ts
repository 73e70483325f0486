// From bytes to a call: key, body, headers, route. What is refused here has not begun, so nothing is kept of it.

import type { IncomingMessage } from 'node:http';
import type { Audience } from '../context';
import { StripeApiError } from '../errors';
import { decodeForm } from '../form';
import type { Form } from '../form';
import { findRoute } from '../operations';
import type { Route } from '../operations';
import { checkClientSecret } from '../payment-intents/finish';
import { requireIntent } from '../payment-intents/record';
import { redactText } from '../redact';
import type { Simulator } from '../simulator';
import { API_VERSION } from '../version';
import { authenticate, secretKeyRequired } from './auth';
import { readBody } from './body';
import { checkExpand } from './execute';

export interface Parsed {
  readonly route: Route;
  readonly form: Form;
  readonly audience: Audience;
}

/** Throws `StripeApiError` for whatever cannot be a call. */
export async function parse(simulator: Simulator, request: IncomingMessage, url: URL): Promise<Parsed> {
  const method = request.method ?? '';
  const isPost = method === 'POST';
  const body = await readBody(request);
  if (
    isPost &&
    body !== '' &&
    !request.headers['content-type']?.startsWith('application/x-www-form-urlencoded')
  ) {
    throw refusal(
      400,
      'Invalid request: the content type of a POST must be application/x-www-form-urlencoded.',
    );
  }
  const { key: _key, ...form } = { ...decodeForm(isPost ? body : url.search.slice(1)) };
  const audience = authenticate(request, _key === undefined ? form : { key: _key });
  checkHeaders(request);
  const route = findRoute(method, url.pathname);
  if (!route) {
    throw refusal(
      404,
      `Unrecognized request URL (${method}: ${redactText(url.pathname)}). The Stripe simulator does not have it.`,
    );
  }
  checkExpand(form);
  if (audience === 'publishable') {
    if (!route.operation.isPublic) throw secretKeyRequired();
    checkClientSecret(requireIntent(simulator.context(null, null), route.id), form);
  }
  return { route, form, audience };
}

function checkHeaders(request: IncomingMessage): void {
  const version = request.headers['stripe-version'];
  if (version !== undefined && version !== API_VERSION) {
    throw refusal(400, `Invalid Stripe API version: the Stripe simulator speaks only ${API_VERSION}.`);
  }
  if (request.headers['stripe-account'] !== undefined) {
    throw refusal(403, 'The Stripe simulator has one account; it does not know connected accounts.');
  }
}

function refusal(status: number, message: string): StripeApiError {
  return new StripeApiError(status, { type: 'invalid_request_error', message });
}
