// The routes of the API: method, path, the name faults know it by, and the function that answers.

import { retrieveAccount } from './account';
import { listCharges, retrieveCharge } from './charges';
import type { Audience, Context, Outcome } from './context';
import { acceptDispute, listDisputes, retrieveDispute, updateDispute } from './disputes';
import { listEvents, retrieveEvent } from './events';
import type { Form } from './form';
import { confirm } from './payment-intents/confirm';
import { createIntent } from './payment-intents/create';
import { cancel, capture, list, retrieve } from './payment-intents/finish';
import { updateIntent } from './payment-intents/update';
import { createPaymentMethod, listPaymentMethods, retrievePaymentMethod } from './payment-methods';
import { createRefund, listRefunds, retrieveRefund, updateRefund } from './refunds';
import {
  createEndpoint,
  deleteEndpoint,
  listEndpoints,
  retrieveEndpoint,
  updateEndpoint,
} from './webhooks/endpoints';

export interface Operation {
  readonly name: string;
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** With `:id` at most once. */
  readonly path: string;
  readonly run: (context: Context, id: string, form: Form, audience: Audience) => Outcome;
  /** May be called with the publishable key and the client_secret. */
  readonly isPublic?: true;
}

export const OPERATIONS: readonly Operation[] = [
  { name: 'payment_intents.create', method: 'POST', path: '/v1/payment_intents', run: createIntent },
  { name: 'payment_intents.list', method: 'GET', path: '/v1/payment_intents', run: list },
  {
    name: 'payment_intents.retrieve',
    method: 'GET',
    path: '/v1/payment_intents/:id',
    run: retrieve,
    isPublic: true,
  },
  { name: 'payment_intents.update', method: 'POST', path: '/v1/payment_intents/:id', run: updateIntent },
  {
    name: 'payment_intents.confirm',
    method: 'POST',
    path: '/v1/payment_intents/:id/confirm',
    run: confirm,
    isPublic: true,
  },
  { name: 'payment_intents.cancel', method: 'POST', path: '/v1/payment_intents/:id/cancel', run: cancel },
  { name: 'payment_intents.capture', method: 'POST', path: '/v1/payment_intents/:id/capture', run: capture },
  { name: 'charges.list', method: 'GET', path: '/v1/charges', run: listCharges },
  { name: 'charges.retrieve', method: 'GET', path: '/v1/charges/:id', run: retrieveCharge },
  { name: 'refunds.create', method: 'POST', path: '/v1/refunds', run: createRefund },
  { name: 'refunds.list', method: 'GET', path: '/v1/refunds', run: listRefunds },
  { name: 'refunds.retrieve', method: 'GET', path: '/v1/refunds/:id', run: retrieveRefund },
  { name: 'refunds.update', method: 'POST', path: '/v1/refunds/:id', run: updateRefund },
  { name: 'disputes.list', method: 'GET', path: '/v1/disputes', run: listDisputes },
  { name: 'disputes.retrieve', method: 'GET', path: '/v1/disputes/:id', run: retrieveDispute },
  { name: 'disputes.update', method: 'POST', path: '/v1/disputes/:id', run: updateDispute },
  { name: 'disputes.close', method: 'POST', path: '/v1/disputes/:id/close', run: acceptDispute },
  { name: 'events.list', method: 'GET', path: '/v1/events', run: listEvents },
  { name: 'events.retrieve', method: 'GET', path: '/v1/events/:id', run: retrieveEvent },
  { name: 'payment_methods.create', method: 'POST', path: '/v1/payment_methods', run: createPaymentMethod },
  { name: 'payment_methods.list', method: 'GET', path: '/v1/payment_methods', run: listPaymentMethods },
  {
    name: 'payment_methods.retrieve',
    method: 'GET',
    path: '/v1/payment_methods/:id',
    run: retrievePaymentMethod,
  },
  { name: 'webhook_endpoints.create', method: 'POST', path: '/v1/webhook_endpoints', run: createEndpoint },
  { name: 'webhook_endpoints.list', method: 'GET', path: '/v1/webhook_endpoints', run: listEndpoints },
  {
    name: 'webhook_endpoints.retrieve',
    method: 'GET',
    path: '/v1/webhook_endpoints/:id',
    run: retrieveEndpoint,
  },
  {
    name: 'webhook_endpoints.update',
    method: 'POST',
    path: '/v1/webhook_endpoints/:id',
    run: updateEndpoint,
  },
  {
    name: 'webhook_endpoints.delete',
    method: 'DELETE',
    path: '/v1/webhook_endpoints/:id',
    run: deleteEndpoint,
  },
  { name: 'account.retrieve', method: 'GET', path: '/v1/account', run: retrieveAccount },
];

const BY_NAME = new Map(OPERATIONS.map((operation) => [operation.name, operation]));

export function operationByName(name: string): Operation | undefined {
  return BY_NAME.get(name);
}

const ROUTES = OPERATIONS.map((operation) => ({
  operation,
  pattern: new RegExp(`^${operation.path.replace(':id', '([^/]+)')}/?$`),
}));

export interface Route {
  readonly operation: Operation;
  readonly id: string;
}

/** The operation behind a method and a path, and the id in the path ('' when it has none). */
export function findRoute(method: string, path: string): Route | undefined {
  for (const { operation, pattern } of ROUTES) {
    const match = pattern.exec(path);
    if (match && operation.method === method) return { operation, id: match[1] ?? '' };
  }
  return undefined;
}
