// Stripe's side of the webhook: events as it sends them, signed as it signs them.
import { randomUUID } from 'node:crypto';

import { createStripe } from '../../platform/stripe';
import { WEBHOOK_SECRETS } from './bare-api';
import type { Answer, BareApi } from './bare-api';

const ROUTE = '/api/webhooks/stripe';
export const [NEW_SECRET = '', OLD_SECRET = ''] = WEBHOOK_SECRETS;
export const { webhooks } = createStripe({ secretKey: 'sk_test_simulator' });

export interface EventOptions {
  type?: string;
  checkoutId?: string;
  holdfastEnv?: string | null;
  livemode?: boolean;
  object?: Record<string, unknown>;
}

export interface StoredRow {
  outcome: string | null;
  reason: string | null;
  is_forwarded: boolean;
  checkout_id: string | null;
  payload: unknown;
}

export const now = () => Math.floor(Date.now() / 1_000);

export function deliver(
  api: BareApi,
  event: unknown,
  secret = NEW_SECRET,
  timestamp = now(),
): Promise<Answer> {
  const payload = JSON.stringify(event, null, 2);
  return deliverBytes(api, payload, webhooks.generateTestHeaderString({ payload, secret, timestamp }));
}

export function deliverBytes(api: BareApi, body: string, signature?: string): Promise<Answer> {
  return api.send(ROUTE, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(signature && { 'stripe-signature': signature }) },
    body,
  });
}

export function eventFor(api: BareApi, options: EventOptions = {}) {
  const { type = 'payment_intent.succeeded', checkoutId = randomUUID(), livemode = false } = options;
  const holdfastEnv = options.holdfastEnv === undefined ? api.database.holdfastEnv : options.holdfastEnv;
  const id = `evt_${randomUUID()}`;
  return {
    id,
    object: 'event',
    api_version: '2026-10-28.endive',
    type,
    livemode,
    created: now(),
    data: {
      object: options.object ?? {
        id: `pi_${checkoutId}`,
        object: 'payment_intent',
        amount: 1500,
        amount_received: 1500,
        amount_capturable: 0,
        currency: 'usd',
        client_secret: 'pi_1_secret_hunter2',
        metadata: holdfastEnv === null ? {} : { holdfast_env: holdfastEnv, checkout_id: checkoutId },
      },
    },
  };
}

export async function storedRow(api: BareApi, eventId: string): Promise<StoredRow | undefined> {
  const { rows } = await api.database.pool.query<StoredRow>(
    `select outcome, reason, forwarded_at is not null as is_forwarded, checkout_id, payload
     from webhook_events where event_id = $1`,
    [eventId],
  );
  return rows[0];
}
