// One claim's talk with the target: the SDK as the product uses it, raw HTTP for headers, and everything it leaves open
// closed at the end.
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type Stripe from 'stripe';
import { createStripe } from '../../platform/stripe';
import { ClaimFailed } from './check';
import { apiBaseOf } from './target';
import type { Target } from './target';

const WAIT_MS_MAX = 60_000;
const PAUSE_MS = 1_000;
const RAW_TIMEOUT_MS = 8_000;
/** What the SDK speaks; without it a key speaks the version of its account. */
export const VERSION = '2026-10-28.endive';

/** Everything the suite makes is marked, so that a person finds it in the dashboard. */
const MARK = 'holdfast_conformance';

export const SMALL = { amount: 100, currency: 'usd', allowed_payment_method_types: ['card'] };

/** Thrown by a claim that this account cannot show. */
export class NotHere extends Error {
  override readonly name = 'NotHere';
}

/** A bound on calls and time over the whole run. */
export class Budget {
  private calls = 0;
  private readonly callsMax: number;
  private readonly deadlineMs: number;

  constructor(limits: { callsMax: number; secondsMax: number }) {
    this.callsMax = limits.callsMax;
    this.deadlineMs = Date.now() + limits.secondsMax * 1000;
  }

  get spentCalls(): number {
    return this.calls;
  }

  spend(): void {
    this.calls += 1;
  }

  /** @throws NotHere when nothing is left. */
  require(): void {
    if (this.calls >= this.callsMax) throw new NotHere(`the run’s ${this.callsMax} calls are used up`);
    if (Date.now() > this.deadlineMs) throw new NotHere('the run’s time is used up');
  }
}

export interface RawReply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown> & { error?: Record<string, unknown> };
}

export class Conversation {
  readonly stripe: Stripe;
  readonly target: Target;
  private readonly budget: Budget;
  private readonly runId: string;
  private readonly intents: string[] = [];
  private readonly endpoints: string[] = [];

  constructor(target: Target, budget: Budget, runId: string) {
    this.target = target;
    this.budget = budget;
    this.runId = runId;
    this.stripe = createStripe({
      secretKey: target.secretKey,
      ...(target.apiBase === null ? {} : { apiBase: target.apiBase }),
    });
    this.stripe.on('request', () => budget.spend());
  }

  newKey(): string {
    return `holdfast-conformance:${this.runId}:${randomUUID()}`;
  }

  /** A PaymentIntent over 1.00 USD by card, unless said otherwise; cancelled at the end when it is still open. */
  async intent(
    params: Partial<Stripe.PaymentIntentCreateParams> = {},
    idempotencyKey = this.newKey(),
  ): Promise<Stripe.Response<Stripe.PaymentIntent>> {
    const all = { ...SMALL, ...params, metadata: { [MARK]: this.runId, ...metadataOf(params) } };
    const intent = await this.stripe.paymentIntents.create(all, { idempotencyKey });
    this.intents.push(intent.id);
    return intent;
  }

  /** Makes a PaymentIntent and confirms it with a test token. */
  async pay(token: string, params: Partial<Stripe.PaymentIntentCreateParams> = {}) {
    const { id } = await this.intent(params);
    return this.stripe.paymentIntents.confirm(id, { payment_method: token });
  }

  /** A webhook endpoint, deleted at the end. */
  async endpoint(): Promise<Stripe.WebhookEndpoint> {
    const endpoint = await this.stripe.webhookEndpoints.create({
      url: 'https://example.com/holdfast-conformance',
      enabled_events: ['payment_intent.partially_funded'],
      metadata: { [MARK]: this.runId },
    });
    this.endpoints.push(endpoint.id);
    return endpoint;
  }

  /** One HTTP call without the SDK. `key` null = no key. */
  async raw(
    method: 'GET' | 'POST',
    path: string,
    more: { key?: string | null; form?: Record<string, string> } = {},
  ): Promise<RawReply> {
    this.budget.spend();
    const { key = this.target.secretKey, form } = more;
    const response = await fetch(`${apiBaseOf(this.target)}${path}`, {
      method,
      headers: { 'stripe-version': VERSION, ...(key === null ? {} : { authorization: `Bearer ${key}` }) },
      ...(form && { body: new URLSearchParams(form) }),
      signal: AbortSignal.timeout(RAW_TIMEOUT_MS),
    });
    return {
      status: response.status,
      headers: response.headers,
      body: (await response.json()) as RawReply['body'],
    };
  }

  /** Asks until there is an answer, for a minute at most. @throws ClaimFailed after that. */
  async eventually<T>(what: string, read: () => Promise<T | null | undefined | false>): Promise<T> {
    const deadline = Date.now() + WAIT_MS_MAX;
    for (;;) {
      const found = await read();
      if (found) return found;
      if (Date.now() > deadline) throw new ClaimFailed(`${what}: not within ${WAIT_MS_MAX / 1000} s`);
      this.budget.require();
      await this.target.hurry?.();
      await pause(this.target.hurry ? 0 : PAUSE_MS);
    }
  }

  /** Cancels and deletes what is left. Returns what could not be closed. */
  async close(): Promise<string[]> {
    const left: string[] = [];
    for (const id of this.intents) {
      try {
        const { status } = await this.stripe.paymentIntents.retrieve(id);
        if (!['succeeded', 'canceled', 'processing'].includes(status)) {
          await this.stripe.paymentIntents.cancel(id, {}, { idempotencyKey: this.newKey() });
        }
      } catch {
        left.push(id);
      }
    }
    for (const id of this.endpoints) {
      await this.stripe.webhookEndpoints.del(id).catch((error: { statusCode?: number }) => {
        if (error.statusCode !== 404) left.push(id);
      });
    }
    return left;
  }
}

function metadataOf(
  params: Partial<Stripe.PaymentIntentCreateParams>,
): Record<string, string | number | null> {
  return typeof params.metadata === 'object' ? params.metadata : {};
}
