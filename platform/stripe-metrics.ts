// How long Stripe takes and what it answers, call by call, without ids.
import { Counter, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import type Stripe from 'stripe';

/** The account is one object; every other bare path is a list. */
const SINGLETONS = new Set(['account']);

/** `/v1/payment_intents/pi_1/cancel` is `payment_intents.cancel`; ids never become labels. */
export function operationOf(method: string, path: string): string {
  const [bare = ''] = path.split('?');
  const [resource = 'unknown', id, action] = bare.replace(/^\/v\d+\//, '').split('/');
  if (action !== undefined) return `${resource}.${action}`;
  const isPost = method === 'POST';
  if (id !== undefined || SINGLETONS.has(resource)) return `${resource}.${isPost ? 'update' : 'retrieve'}`;
  return `${resource}.${isPost ? 'create' : 'list'}`;
}

/**
 * `holdfast_stripe_requests_total` counts what was sent, `holdfast_stripe_response_duration_seconds` what was answered: the
 * difference got no answer.
 */
export function observeStripe(registry: Registry, stripe: Stripe): void {
  const requests = new Counter({
    name: 'holdfast_stripe_requests_total',
    help: 'Requests sent to Stripe, by operation.',
    labelNames: ['operation'],
    registers: [registry],
  });
  const responses = new Histogram({
    name: 'holdfast_stripe_response_duration_seconds',
    help: 'Time to the answer of Stripe, by operation and status.',
    labelNames: ['operation', 'status'],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8],
    registers: [registry],
  });
  stripe.on('request', ({ method, path }: Stripe.RequestEvent) =>
    requests.inc({ operation: operationOf(method, path) }),
  );
  stripe.on('response', ({ method, path, status, elapsed }: Stripe.ResponseEvent) =>
    responses.observe({ operation: operationOf(method, path), status }, elapsed / 1_000),
  );
}
