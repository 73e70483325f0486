// What operators read. PostgreSQL answers; no route asks a workflow.
import type { Request, RequestHandler } from 'express';
import { z } from 'zod';

import {
  findCheckouts,
  listEvents,
  listHeldReservations,
  listIncidents,
  listOperations,
  readAdminNumbers,
} from '../../db/admin-reads';
import { readCheckout } from '../../db/checkouts';
import type { CheckoutView } from '../../db/checkouts';
import { readOperation } from '../../db/operations';
import type { Page, PageRequest } from '../../db/pages';
import { parseInput } from '../body';
import type { ApiDeps } from '../deps';
import { Problem } from '../problems';
import { requireId } from './ids';
import { operationJson } from './operation-json';
import * as schemas from './schemas';

/** Every reading's handler; the caller has checked the token. */
export function createReads({ pool }: ApiDeps) {
  const answering =
    (read: (request: Request) => Promise<object>): RequestHandler =>
    async (request, response) => {
      response.setHeader('Cache-Control', 'no-store').json(await read(request));
    };
  return {
    adminOperations: answering(async (request) => {
      const query = parseInput(schemas.operationsQuery, request.query);
      const filter = { target: query.target ?? null, operator: query.operator ?? null };
      const found = await listOperations(pool, filter, pageOf(query));
      return { operations: found.items.map(operationJson), next: nextOf(found) };
    }),
    adminOperation: answering(async (request) => {
      const record = await readOperation(pool, requireId(request));
      if (record === null) throw new Problem('not_found');
      return operationJson(record);
    }),
    adminIncidents: answering(async (request) => {
      const query = parseInput(schemas.incidentsQuery, request.query);
      const { state, checkout_id: checkoutId = null, kind = null } = query;
      const found = await listIncidents(pool, { state, checkoutId, kind }, pageOf(query));
      return { incidents: found.items, next: nextOf(found) };
    }),
    adminInbox: answering(async (request) => {
      const query = parseInput(schemas.inboxQuery, request.query);
      const { state, checkout_id: checkoutId = null } = query;
      const found = await listEvents(pool, { state, checkoutId }, pageOf(query, 'event'));
      return { events: found.items, next: nextOf(found) };
    }),
    adminReservations: answering(async (request) => {
      const query = parseInput(schemas.reservationsQuery, request.query);
      const filter = { dropProductId: query.drop_product_id ?? null };
      const found = await listHeldReservations(pool, filter, pageOf(query));
      return { reservations: found.items, next: nextOf(found) };
    }),
    adminCheckouts: answering(async (request) => {
      const query = parseInput(schemas.checkoutsQuery, request.query);
      const ids = await findCheckouts(pool, {
        checkoutId: query.checkout_id ?? null,
        paymentIntentId: query.payment_intent_id ?? null,
        customerId: query.customer_id ?? null,
      });
      const found: CheckoutView[] = [];
      for (const id of ids) {
        const checkout = await readCheckout(pool, id);
        if (checkout !== null) found.push(checkout);
      }
      return { checkouts: found.map(checkoutJson) };
    }),
    adminMetrics: answering(() => readAdminNumbers(pool)),
  };
}

function checkoutJson(checkout: CheckoutView) {
  const { refund } = checkout;
  return {
    checkout_id: checkout.checkoutId,
    status: checkout.status,
    failure_code: checkout.failureCode,
    customer_id: checkout.customerId,
    payment_intent_id: checkout.paymentIntentId,
    amount: checkout.amountMinor,
    currency: checkout.currency,
    opened_at: checkout.openedAt,
    expires_at: checkout.expiresAt,
    seconds_left: checkout.secondsLeft,
    attempts: checkout.attempts,
    order_id: checkout.orderId,
    items: checkout.lines.map((line) => ({
      drop_product_id: line.dropProductId,
      product_name: line.productName,
      quantity: line.quantity,
    })),
    refund: refund && { state: refund.state, amount: refund.amountMinor },
  };
}

const instant = z.string().regex(/^\d{1,17}$/);
const CURSORS = {
  uuid: z.strictObject({ at: instant, id: z.guid() }),
  event: z.strictObject({ at: instant, id: z.string().regex(/^[\x21-\x7e]{1,255}$/) }),
};

function pageOf(
  { limit, after }: { limit: number; after?: string | undefined },
  ids: keyof typeof CURSORS = 'uuid',
): PageRequest {
  if (after === undefined) return { limit, after: null };
  try {
    return { limit, after: CURSORS[ids].parse(JSON.parse(Buffer.from(after, 'base64url').toString('utf8'))) };
  } catch {
    throw new Problem('malformed_request', { errors: [{ path: 'after', message: 'is not from here' }] });
  }
}

/** Opaque to the reader, so that it may change. */
function nextOf({ next }: Page<unknown>): string | null {
  return next && Buffer.from(JSON.stringify(next), 'utf8').toString('base64url');
}
