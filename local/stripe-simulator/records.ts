// What the journal keeps: one record type per collection, each with the id it is found by.

import type {
  ChargeObject,
  DisputeObject,
  EventObject,
  PaymentIntentObject,
  PaymentIntentStatus,
  PaymentMethodObject,
  RefundObject,
  WebhookEndpointObject,
} from './types';

export interface Transition {
  /** Wall clock (ISO, milliseconds), so that it compares with the database's time on the same machine. */
  readonly at: string;
  readonly to: PaymentIntentStatus;
}

export interface PaymentIntentRecord {
  readonly id: string;
  readonly object: PaymentIntentObject;
  readonly transitions: readonly Transition[];
  readonly captures: readonly { readonly at: string; readonly amount: number }[];
  readonly confirmCount: number;
  /** Opens the 3DS page; a new one for each challenge. */
  readonly challengeToken: string | null;
}

export interface PaymentMethodRecord {
  readonly id: string;
  readonly object: PaymentMethodObject;
  /** Name in the table of test payment methods; the card number itself is never kept. */
  readonly testMethod: string;
}

export interface EventRecord {
  readonly id: string;
  readonly object: EventObject;
  /** For the filters of the deliveries page. */
  readonly paymentIntent: string | null;
}

export interface WebhookEndpointRecord {
  readonly id: string;
  readonly object: WebhookEndpointObject;
  readonly secret: string;
  /** Rolled away, but signing until `untilMs` (simulator clock), as after "roll secret" in the dashboard. */
  readonly previousSecret?: { readonly secret: string; readonly untilMs: number };
}

export interface DeliveryAttempt {
  readonly at: string;
  readonly status: number | null;
  readonly error: string | null;
  readonly duration_ms: number;
}

export type DeliveryState = 'held' | 'pending' | 'delivered' | 'failed' | 'dropped';

export interface DeliveryRecord {
  readonly id: string;
  readonly event: string;
  readonly endpoint: string;
  readonly copy: number;
  readonly state: DeliveryState;
  /** Simulator clock, milliseconds; meaningful while pending. */
  readonly dueAtMs: number;
  readonly attempts: readonly DeliveryAttempt[];
}

export interface IdempotencyRecord {
  /** `<audience>:<key>` */
  readonly id: string;
  readonly path: string;
  readonly paramsHash: string;
  readonly status: number;
  readonly body: string;
  readonly requestId: string;
  readonly createdSeconds: number;
}

export type JobKind =
  | 'expire_authorization'
  | 'refund_succeed'
  | 'refund_fail'
  | 'settle_processing'
  | 'settle_balance'
  | 'win_dispute'
  | 'lose_dispute';

export interface JobRecord {
  /** `<kind>:<target>` */
  readonly id: string;
  readonly kind: JobKind;
  readonly target: string;
  readonly dueAtMs: number;
}

export interface WebhookPolicy {
  readonly mode: 'deliver' | 'drop' | 'hold';
  readonly delay_ms: number;
  readonly copies: number;
  readonly shuffle: boolean;
  /** What is wrong with the signature of what is sent while this policy holds. */
  readonly signature: 'valid' | 'wrong' | 'stale' | 'future' | 'missing';
}

export interface Settings {
  /** Stripe may refuse to cancel while `processing`; its docs disagree on when, so a test chooses. */
  readonly processing_cancel: 'allow' | 'refuse';
  /** Stripe cancels a PaymentIntent that is confirmed too often; the real limit is unpublished. */
  readonly confirm_limit: number;
  /** A bank debit settles by itself after this; 0 = when the control plane says so. */
  readonly processing_seconds: number;
  /** `type` of the 409 for a key in flight: recorded once, not documented. */
  readonly conflict_type: 'invalid_request_error' | 'idempotency_error' | 'api_error';
  /** With `on`, two calls that change one PaymentIntent at once: the second gets 429 `lock_timeout`. */
  readonly object_locks: 'off' | 'on';
  /** Calls per second over the whole account; 0 = no limit. */
  readonly requests_per_second: number;
  readonly requests_per_second_per_endpoint: number;
  /** Stripe allows 1,000; 0 = no limit. */
  readonly updates_per_payment_intent_per_hour: number;
  /** PaymentIntents younger than this are not in lists yet. */
  readonly list_lag_seconds: number;
  /** Waits after each failed delivery, on the simulator's clock; after the last one it has failed. */
  readonly webhook_retry_seconds: readonly number[];
  readonly webhook_timeout_ms: number;
}

export interface MetaRecord {
  readonly id: 'meta';
  readonly accountId: string;
  readonly clockOffsetSeconds: number;
  readonly policy: WebhookPolicy;
  readonly settings: Settings;
}

export interface Records {
  meta: MetaRecord;
  payment_intents: PaymentIntentRecord;
  payment_methods: PaymentMethodRecord;
  charges: { readonly id: string; readonly object: ChargeObject };
  refunds: { readonly id: string; readonly object: RefundObject };
  disputes: { readonly id: string; readonly object: DisputeObject };
  events: EventRecord;
  webhook_endpoints: WebhookEndpointRecord;
  deliveries: DeliveryRecord;
  idempotency_keys: IdempotencyRecord;
  jobs: JobRecord;
}

export type Kind = keyof Records;

export const KINDS: readonly Kind[] = [
  'meta',
  'payment_intents',
  'payment_methods',
  'charges',
  'refunds',
  'disputes',
  'events',
  'webhook_endpoints',
  'deliveries',
  'idempotency_keys',
  'jobs',
];
