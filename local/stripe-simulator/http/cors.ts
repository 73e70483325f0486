// Cross-origin rules: a shop's page may read and confirm a PaymentIntent with the publishable key, and nothing else.

import type { IncomingMessage } from 'node:http';
import { findRoute } from '../operations';
import type { WireReply } from './reply';

const ALLOWED = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'Request-Id, Idempotent-Replayed, Original-Request, Stripe-Should-Retry',
};

export function isPreflight(request: IncomingMessage): boolean {
  return request.method === 'OPTIONS';
}

/** The headers for a reply on this route; none where no page has business. */
export function corsHeaders(method: string, path: string): Readonly<Record<string, string>> {
  return findRoute(method, path)?.operation.isPublic ? ALLOWED : {};
}

export function preflightReply(path: string): WireReply {
  const methods = ['GET', 'POST'].filter((method) => findRoute(method, path)?.operation.isPublic);
  if (methods.length === 0) return { status: 204, headers: {}, body: '' };
  return {
    status: 204,
    headers: {
      ...ALLOWED,
      'access-control-allow-methods': methods.join(', '),
      'access-control-allow-headers': 'Authorization, Content-Type, Idempotency-Key, Stripe-Version',
      'access-control-max-age': '600',
    },
    body: '',
  };
}
