// The operators' operations: rows of the table in api/operations.ts.
import type { z } from 'zod';

import type { ErrorCode } from '../../contracts/errors';
import { BODY_ERRORS } from '../operation';
import type { Operation } from '../operation';
import * as schemas from './schemas';

const OPERATION_ERRORS = [
  'unauthorized',
  ...BODY_ERRORS,
  'invalid_idempotency_key',
  'invalid_operator',
  'idempotency_key_reused',
  'operation_refused',
  'busy',
] as const satisfies readonly ErrorCode[];

function act<Body extends z.ZodType>(path: string, summary: string, body: Body) {
  return {
    method: 'post',
    path,
    summary,
    auth: 'admin_token',
    idempotencyKey: schemas.operationKeyHeader,
    body,
    answers: { 200: schemas.operationAnswer, 202: schemas.operationPendingAnswer },
    errors: OPERATION_ERRORS,
  } as const satisfies Operation;
}

function read<Query extends z.ZodObject, Answer extends z.ZodType>(
  path: string,
  summary: string,
  query: Query,
  answer: Answer,
) {
  return {
    method: 'get',
    path,
    summary,
    auth: 'admin_token',
    query,
    answers: { 200: answer },
    errors: ['unauthorized', 'malformed_request'],
  } as const satisfies Operation;
}

export const ADMIN_OPERATIONS = {
  adminCancel: act(
    '/api/admin/checkouts/{id}/cancel',
    'End the payment of an open checkout, also an authorised or processing one, and give the units back.',
    schemas.operatorBody,
  ),
  adminExtend: act(
    '/api/admin/checkouts/{id}/extend',
    'Give the buyer more time, at most 600 s in all, before the deadline has passed.',
    schemas.extendBody,
  ),
  adminAskStripe: act(
    '/api/admin/checkouts/{id}/ask-stripe',
    'Have the payment read from Stripe now, and whatever follows from it done.',
    schemas.operatorBody,
  ),
  adminReclaim: act(
    '/api/admin/checkouts/{id}/reclaim',
    'Money came after the units went back: take them again if they are free, else give the money back.',
    schemas.operatorBody,
  ),
  adminRefund: act(
    '/api/admin/checkouts/{id}/refund',
    'Give money back, all or a part. Units go back on sale only where named.',
    schemas.refundBody,
  ),
  adminReplayEvent: act(
    '/api/admin/inbox/replay',
    'Hand an event that nobody has judged on again, out of quarantine.',
    schemas.replayBody,
  ),
  adminRestock: act(
    '/api/admin/products/{id}/restock',
    'Change a product’s total by a difference; never below the units held and sold.',
    schemas.restockBody,
  ),
  adminResolveIncident: act(
    '/api/admin/incidents/{id}/resolve',
    'Close an incident, with who and why.',
    schemas.operatorBody,
  ),
  adminCleanUp: act(
    '/api/admin/cleanup',
    'Take back lapsed reservations now, on record.',
    schemas.operatorBody,
  ),
  adminReconcile: act(
    '/api/admin/reconcile',
    'Compare every checkout that may still change with Stripe, now.',
    schemas.operatorBody,
  ),
  adminOperations: read(
    '/api/admin/operations',
    'What operators did, newest first.',
    schemas.operationsQuery,
    schemas.operationsAnswer,
  ),
  adminOperation: {
    method: 'get',
    path: '/api/admin/operations/{id}',
    summary: 'One operation: who, why, before, after. Not found also while nothing has begun.',
    auth: 'admin_token',
    answers: { 200: schemas.operationAnswer },
    errors: ['unauthorized', 'not_found'],
  },
  adminIncidents: read(
    '/api/admin/incidents',
    'What only a person can finish, oldest first.',
    schemas.incidentsQuery,
    schemas.incidentsAnswer,
  ),
  adminInbox: read(
    '/api/admin/inbox',
    'Events of Stripe without their payload, newest first.',
    schemas.inboxQuery,
    schemas.inboxAnswer,
  ),
  adminReservations: read(
    '/api/admin/reservations',
    'Units that are held, those whose lease ends first in front.',
    schemas.reservationsQuery,
    schemas.reservationsAnswer,
  ),
  adminCheckouts: read(
    '/api/admin/checkouts',
    'Checkouts by id, PaymentIntent or customer.',
    schemas.checkoutsQuery,
    schemas.checkoutsAnswer,
  ),
  adminMetrics: {
    method: 'get',
    path: '/api/admin/metrics',
    summary: 'The state of the shop in numbers. Prometheus reads its own address.',
    auth: 'admin_token',
    answers: { 200: schemas.adminMetricsAnswer },
    errors: ['unauthorized'],
  },
} as const satisfies Record<string, Operation>;

export type AdminOperationId = keyof typeof ADMIN_OPERATIONS;
