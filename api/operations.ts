// Every operation of the API: the router and docs/openapi.json are both built from this table.
import type { ErrorCode } from '../contracts/errors';
import { ADMIN_OPERATIONS } from './admin/routes';
import { BODY_ERRORS } from './operation';
import type { Operation } from './operation';
import * as schemas from './schemas';

export type { Operation } from './operation';

export const COMMON_ERRORS = [
  'method_not_allowed',
  'internal_error',
  'service_unavailable',
] as const satisfies readonly ErrorCode[];

const REFUSALS = [
  'insufficient_inventory',
  'drop_not_open',
  'purchase_limit_reached',
  'too_many_open_checkouts',
  'unknown_product',
  'mixed_currency',
  'amount_too_small',
  'amount_too_large',
  'checkout_not_opened',
  'payment_provider_unavailable',
] as const satisfies readonly ErrorCode[];

export const OPERATIONS = {
  createIntent: {
    method: 'post',
    path: '/api/payment/create-intent',
    summary:
      'Reserve the units and create the payment. The same key answers the same checkout, now or later.',
    idempotencyKey: schemas.idempotencyKeyHeader,
    body: schemas.createIntentBody,
    answers: { 201: schemas.createIntentAnswer },
    errors: [
      ...BODY_ERRORS,
      'invalid_idempotency_key',
      'invalid_customer_id',
      'idempotency_key_reused',
      ...REFUSALS,
      'busy',
      'checkout_pending',
    ],
  },
  readCheckout: {
    method: 'get',
    path: '/api/checkouts/{id}',
    summary: 'A checkout as its buyer sees it. An unknown id and a wrong token get the same answer.',
    auth: 'checkout_token',
    answers: { 200: schemas.checkoutAnswer },
    errors: ['not_found'],
  },
  readPayment: {
    method: 'get',
    path: '/api/checkouts/{id}/payment',
    summary: 'What Stripe.js needs, while the checkout can be paid: for reloads and second tabs.',
    auth: 'checkout_token',
    answers: { 200: schemas.paymentAnswer },
    errors: ['not_found', 'checkout_not_payable'],
  },
  cancelCheckout: {
    method: 'post',
    path: '/api/checkouts/{id}/cancel',
    summary:
      'The shopper gives up. If the payment has won the race, the checkout becomes an order all the same.',
    auth: 'checkout_token',
    answers: { 202: schemas.cancelAnswer },
    errors: ['not_found', 'checkout_closed'],
  },
  checkoutEvents: {
    method: 'get',
    path: '/api/checkouts/{id}/events',
    summary: 'The checkout as it is now, then every change, until it has ended.',
    auth: 'checkout_token',
    answers: { 200: schemas.checkoutAnswer },
    events: 'checkout',
    errors: ['not_found', 'busy'],
  },
  listDrops: {
    method: 'get',
    path: '/api/drops',
    summary: 'All drops with their products and what is available.',
    answers: { 200: schemas.dropsAnswer },
    errors: [],
  },
  readDrop: {
    method: 'get',
    path: '/api/drops/{id}',
    summary: 'One drop.',
    answers: { 200: schemas.dropAnswer },
    errors: ['not_found'],
  },
  dropEvents: {
    method: 'get',
    path: '/api/drops/{id}/events',
    summary: 'One drop as it is now, then whenever something about it changes: what is available, above all.',
    answers: { 200: schemas.dropAnswer },
    events: 'drop',
    errors: ['not_found', 'busy'],
  },
  stripeWebhook: {
    method: 'post',
    path: '/api/webhooks/stripe',
    summary:
      'Stripe’s events. 2xx only once the event is stored and, where it concerns a checkout, handed on.',
    answers: { 200: schemas.webhookAnswer },
    errors: ['invalid_signature', 'malformed_request', 'payload_too_large', 'webhook_not_forwarded'],
  },
  cleanupReservations: {
    method: 'post',
    path: '/api/maintenance/cleanup-reservations',
    summary: 'Take back lapsed reservations now.',
    auth: 'admin_token',
    answers: { 200: schemas.cleanupAnswer },
    errors: ['unauthorized'],
  },
  maintenanceHealth: {
    method: 'get',
    path: '/api/maintenance/health',
    summary: 'Whether the cleanup still runs: 503 when none succeeded for 180 s.',
    auth: 'admin_token',
    answers: { 200: schemas.maintenanceHealthAnswer, 503: schemas.maintenanceHealthAnswer },
    errors: ['unauthorized'],
  },
  ...ADMIN_OPERATIONS,
  pageConfig: {
    method: 'get',
    path: '/config',
    summary: 'What a page needs to know to pay.',
    answers: { 200: schemas.configAnswer },
    errors: [],
  },
  healthz: {
    method: 'get',
    path: '/healthz',
    summary: 'The process answers.',
    answers: { 200: schemas.healthAnswer },
    errors: [],
  },
  readyz: {
    method: 'get',
    path: '/readyz',
    summary: 'Whether a checkout can be started now.',
    answers: { 200: schemas.readyAnswer, 503: schemas.readyAnswer },
    errors: [],
  },
} as const satisfies Record<string, Operation>;

export type OperationId = keyof typeof OPERATIONS;
