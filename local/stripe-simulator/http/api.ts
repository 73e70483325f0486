// The request cycle of /v1: key, route, parameters, idempotency, faults, execution, reply.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Outcome } from '../context';
import { StripeApiError } from '../errors';
import type { FaultRule, Faults } from '../faults';
import { findStored, inFlightError, keyedRequest } from '../idempotency';
import { randomId } from '../ids';
import { readMeta } from '../meta';
import { findRoute } from '../operations';
import type { Route } from '../operations';
import type { IdempotencyRecord } from '../records';
import { redactText } from '../redact';
import type { RequestLine } from '../requests';
import type { Simulator } from '../simulator';
import { API_VERSION } from '../version';
import { corsHeaders, isPreflight, preflightReply } from './cors';
import type { ApiCall } from './execute';
import { parse } from './parse';
import type { Parsed } from './parse';
import { perform, wait } from './perform';
import { jsonReply, send, sendNothing, sendTruncated } from './reply';
import type { WireReply } from './reply';
import { faultHeaders } from './spoilt';

/** A hanging call is cut in the end: the client has long given up. */
const HANG_MS_MAX = 600_000;

/** The keys of requests that are being executed. */
type InFlight = Set<string>;

export function createApiHandler(simulator: Simulator, faults: Faults) {
  const inFlight: InFlight = new Set();
  return async (request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> => {
    if (isPreflight(request)) {
      send(response, preflightReply(url.pathname));
      return;
    }
    const requestId = randomId(simulator.random, 'req', 14);
    const line = noteArrival(simulator, request, response, url, requestId);
    const headers = {
      ...replyHeaders(request, requestId),
      ...corsHeaders(request.method ?? '', url.pathname),
    };
    try {
      const parsed = await parse(simulator, request, url);
      const call = keyedCall(simulator, request, url, parsed, requestId);
      line.replayed = call.stored !== undefined;
      await answer(simulator, faults, inFlight, call, parsed.route, response, headers);
    } catch (error) {
      if (error instanceof StripeApiError) {
        const all = { ...headers, ...error.headers };
        send(response, wireReply(simulator, error.toOutcome(), requestId, all));
        return;
      }
      // A caller who hung up while sending gets no answer and is no error of ours.
      if (response.destroyed || request.aborted) return;
      simulator.log.error({ err: error, request_id: requestId }, 'request failed');
      const outcome = { status: 500, body: { error: { type: 'api_error', message: String(error) } } };
      send(response, wireReply(simulator, { ...outcome, isStored: false }, requestId, headers));
    }
  };
}

function noteArrival(
  simulator: Simulator,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  requestId: string,
): RequestLine {
  const key = request.headers['idempotency-key'];
  const line = simulator.requests.arrived({
    operation: findRoute(request.method ?? '', url.pathname)?.operation.name ?? 'unknown',
    path: redactText(url.pathname),
    request_id: requestId,
    idempotency_key: typeof key === 'string' ? key : null,
  });
  response.once('finish', () => (line.status = response.statusCode));
  return line;
}

function replyHeaders(request: IncomingMessage, requestId: string): Record<string, string> {
  const key = request.headers['idempotency-key'];
  return {
    'request-id': requestId,
    'stripe-version': API_VERSION,
    ...(typeof key === 'string' ? { 'idempotency-key': key } : {}),
  };
}

function keyedCall(
  simulator: Simulator,
  request: IncomingMessage,
  url: URL,
  { route, form, audience }: Parsed,
  requestId: string,
): ApiCall & { stored: IdempotencyRecord | undefined } {
  const key = request.method === 'POST' ? request.headers['idempotency-key'] : undefined;
  const keyed = typeof key === 'string' ? keyedRequest(audience, key, url.pathname, form) : undefined;
  const stored = keyed && findStored(simulator.store, simulator.clock, keyed);
  return { operation: route.operation, id: route.id, form, audience, requestId, keyed, stored };
}

async function answer(
  simulator: Simulator,
  faults: Faults,
  inFlight: InFlight,
  call: ApiCall & { stored: IdempotencyRecord | undefined },
  route: Route,
  response: ServerResponse,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  const { stored, keyed } = call;
  const { settings } = readMeta(simulator.store);
  simulator.limits.admit(route, settings);
  if (!stored && keyed && inFlight.has(keyed.id)) throw inFlightError(keyed.key, settings.conflict_type);
  const fault = faults.take({ route, form: call.form, isReplay: stored !== undefined });
  let reply: WireReply;
  if (stored) {
    if (fault) await wait(fault.latencyMs);
    reply = replayReply(simulator, stored, headers);
  } else {
    const unlock = simulator.limits.lock(route, call.form, settings);
    if (keyed) inFlight.add(keyed.id);
    try {
      const outcome = await perform(simulator, call, route, fault);
      reply = wireReply(simulator, outcome, call.requestId, { ...headers, ...spoiltHeaders(fault) });
    } finally {
      if (keyed) inFlight.delete(keyed.id);
      unlock();
    }
  }
  if (fault && fault.latencyAfterMs > 0) await wait(fault.latencyAfterMs);
  deliver(response, reply, fault);
}

function spoiltHeaders(fault: FaultRule | undefined): Record<string, string> {
  return typeof fault?.reply === 'object' ? faultHeaders(fault.reply) : {};
}

function wireReply(
  simulator: Simulator,
  outcome: Outcome,
  requestId: string,
  headers: Readonly<Record<string, string>>,
): WireReply {
  const { body } = outcome;
  if (!('error' in body)) return jsonReply(outcome.status, body, headers);
  const logUrl = `${simulator.baseUrl()}/#${requestId}`;
  return jsonReply(
    outcome.status,
    { error: { ...(body.error as object), request_log_url: logUrl } },
    headers,
  );
}

function replayReply(
  simulator: Simulator,
  stored: IdempotencyRecord,
  headers: Readonly<Record<string, string>>,
): WireReply {
  const outcome = { status: stored.status, body: JSON.parse(stored.body) as object, isStored: true };
  return wireReply(simulator, outcome, stored.requestId, {
    ...headers,
    'idempotent-replayed': 'true',
    'original-request': stored.requestId,
  });
}

function deliver(response: ServerResponse, reply: WireReply, fault: FaultRule | undefined): void {
  const kind = typeof fault?.reply === 'string' ? fault.reply : 'whole';
  switch (kind) {
    case 'hang':
      response.setTimeout(HANG_MS_MAX, () => response.destroy());
      return;
    case 'drop':
      sendNothing(response);
      return;
    case 'truncate':
      sendTruncated(response, reply);
      return;
    case 'foreign':
      send(response, jsonReply(200, { message: 'This is not the API you are looking for.' }));
      return;
    case 'whole':
      send(response, reply);
  }
}
