// Rate limits and object locks (https://docs.stripe.com/rate-limits): off unless a setting turns them on. The wall clock
// counts, because callers pace themselves by theirs.

import { StripeApiError } from './errors';
import { targetOf } from './faults';
import type { Form } from './form';
import type { Route } from './operations';
import type { Settings } from './records';

const HOUR_MS = 3_600_000;
const SECOND_MS = 1_000;

export class Limits {
  private readonly arrivals = new Map<string, number[]>();
  private readonly locked = new Set<string>();

  /** Counts the call. Throws 429 `rate_limit`, which names the limiter, when it is one too many; such a call is not executed. */
  admit(route: Route, settings: Settings): void {
    const { name, method } = route.operation;
    this.count('account', SECOND_MS, settings.requests_per_second, 'global-rate');
    this.count(`endpoint:${name}`, SECOND_MS, settings.requests_per_second_per_endpoint, 'endpoint-rate');
    const isUpdate = method === 'POST' && name.startsWith('payment_intents.') && route.id !== '';
    if (isUpdate) {
      const limit = settings.updates_per_payment_intent_per_hour;
      this.count(`object:${route.id}`, HOUR_MS, limit, 'resource-specific');
    }
  }

  /**
   * Takes the lock of the PaymentIntent a POST is about; the answer gives it back. Throws 429 `lock_timeout`, without the
   * header of a rate limit, while another call has it.
   */
  lock(route: Route, form: Form, settings: Settings): () => void {
    const target = targetOf(route, form);
    if (settings.object_locks === 'off' || route.operation.method !== 'POST' || target === '')
      return () => {};
    if (this.locked.has(target)) {
      throw new StripeApiError(429, {
        type: 'invalid_request_error',
        code: 'lock_timeout',
        message: 'This object cannot be accessed right now because another API request is accessing it.',
      });
    }
    this.locked.add(target);
    return () => void this.locked.delete(target);
  }

  private count(name: string, windowMs: number, limit: number, reason: string): void {
    if (limit === 0) return;
    const now = Date.now();
    const recent = (this.arrivals.get(name) ?? []).filter((at) => at > now - windowMs);
    if (recent.length >= limit) throw tooMany(reason);
    recent.push(now);
    this.arrivals.set(name, recent);
  }
}

function tooMany(reason: string): StripeApiError {
  const fields = {
    type: 'invalid_request_error',
    code: 'rate_limit',
    message: 'Request rate limit exceeded.',
  } as const;
  return new StripeApiError(429, fields, false, { 'stripe-rate-limited-reason': reason });
}
