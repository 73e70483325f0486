// The operators' acts over HTTP: each becomes one operation under its Idempotency-Key.
import type { Request, RequestHandler, Response } from 'express';
import { Counter } from 'prom-client';
import type { z } from 'zod';

import { operationFingerprint, operationIdFromKey } from '../../contracts/fingerprint';
import { OPERATION_REFUSALS, operationTarget } from '../../contracts/operations';
import type { OperationInput, OperationRequest } from '../../contracts/operations';
import type { OperationRecord } from '../../db/operations';
import { parseBody } from '../body';
import type { ApiDeps } from '../deps';
import { readIdempotencyKey } from '../idempotency-key';
import { Problem } from '../problems';
import { nameCheckout, requestLog } from '../request-log';
import { requireId } from './ids';
import { operationJson } from './operation-json';
import { runOperation } from './run-operation';
import * as schemas from './schemas';

/** Operators are few; more at once than this is a script gone wrong, and each waits on the database. */
const ACTS_MAX = 16;

interface Who {
  operator: string;
  reason: string;
}

/** Every act's handler; the caller has checked the token and parsed the JSON. */
export function createActs(deps: ApiDeps) {
  const acts = new Counter({
    name: 'holdfast_operations_total',
    help: 'Operators’ acts, by action and how they ended.',
    labelNames: ['action', 'outcome'],
    registers: [deps.metrics],
  });
  let inFlight = 0;

  function act<Schema extends z.ZodType<Who>>(
    schema: Schema,
    toRequest: (body: z.output<Schema>, request: Request) => OperationRequest,
  ): RequestHandler {
    return async (request, response) => {
      const key = readIdempotencyKey(request);
      const body = parseBody(schema, request);
      if (!schemas.operatorRule.safeParse(body.operator).success) throw new Problem('invalid_operator');
      const input = toInput(key, body, toRequest(body, request));
      nameTarget(response, input);
      if (inFlight >= ACTS_MAX) throw new Problem('busy', { retryAfterSeconds: 2 });
      inFlight += 1;
      try {
        const record = await runOperation(deps, input);
        acts.inc({ action: input.request.action, outcome: record?.outcome ?? 'running' });
        answer(response, input, record);
      } finally {
        inFlight -= 1;
      }
    };
  }

  return {
    adminCancel: act(schemas.operatorBody, (_body, request) => ({
      action: 'cancel',
      checkoutId: requireId(request),
    })),
    adminExtend: act(schemas.extendBody, ({ seconds }, request) => ({
      action: 'extend',
      checkoutId: requireId(request),
      seconds,
    })),
    adminAskStripe: act(schemas.operatorBody, (_body, request) => ({
      action: 'ask_stripe',
      checkoutId: requireId(request),
    })),
    adminReclaim: act(schemas.operatorBody, (_body, request) => ({
      action: 'reclaim',
      checkoutId: requireId(request),
    })),
    adminRefund: act(schemas.refundBody, ({ amount, returned_lines: lines }, request) => ({
      action: 'refund',
      checkoutId: requireId(request),
      amountMinor: amount ?? null,
      returnedLines:
        lines === 'all'
          ? 'all'
          : (lines ?? []).map((line) => ({ dropProductId: line.drop_product_id, quantity: line.quantity })),
    })),
    adminReplayEvent: act(schemas.replayBody, (body) => ({ action: 'replay_event', eventId: body.event_id })),
    adminRestock: act(schemas.restockBody, ({ units }, request) => ({
      action: 'restock',
      dropProductId: requireId(request),
      units,
    })),
    adminResolveIncident: act(schemas.operatorBody, (_body, request) => ({
      action: 'resolve_incident',
      incidentId: requireId(request),
    })),
    adminCleanUp: act(schemas.operatorBody, () => ({ action: 'clean_up' })),
    adminReconcile: act(schemas.operatorBody, () => ({ action: 'reconcile' })),
  };
}

function toInput(key: string, { operator, reason }: Who, request: OperationRequest): OperationInput {
  return {
    operationId: operationIdFromKey(key),
    requestFingerprint: operationFingerprint({ operator, reason, request }),
    operator,
    reason,
    request,
  };
}

function nameTarget(response: Response, { request }: OperationInput): void {
  const { kind, id } = operationTarget(request);
  if (kind === 'checkout') nameCheckout(response, id);
}

/** 202 where it is still under way: the same key asks again, as does the operation's own address. */
function answer(response: Response, input: OperationInput, record: OperationRecord | null): void {
  const { operationId, request } = input;
  requestLog(response).info(
    { operation_id: operationId, action: request.action, outcome: record?.outcome ?? 'running' },
    'operation answered',
  );
  response.setHeader('Cache-Control', 'no-store');
  if (record === null) {
    response.status(202).json({ operation_id: operationId, state: 'running' });
    return;
  }
  const json = operationJson(record);
  if (record.refusal !== null) {
    throw new Problem('operation_refused', {
      detail: OPERATION_REFUSALS[record.refusal],
      extensions: {
        operation_id: operationId,
        refusal: record.refusal,
        result: json.result,
        before: json.before,
        after: json.after,
      },
    });
  }
  response.json(json);
}
