// The HTTP server: which handler a path belongs to, and the limits of a connection.

import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { handleControl, parseControlBody } from '../control/routes';
import { StripeApiError } from '../errors';
import type { Faults } from '../faults';
import { indexPage, messagePage } from '../pages';
import type { Simulator } from '../simulator';
import type { Dispatcher } from '../webhooks/dispatcher';
import { createApiHandler } from './api';
import { readBody } from './body';
import { answerChallenge } from './challenge';
import { htmlReply, jsonReply, send } from './reply';
import type { WireReply } from './reply';

/** Longer than any client keeps an idle connection, so that the client closes first and no call meets a closed socket. */
const KEEP_ALIVE_MS = 75_000;
const REQUEST_MS_MAX = 30_000;

export function createHttpServer(simulator: Simulator, faults: Faults, dispatcher: Dispatcher): Server {
  const handleApi = createApiHandler(simulator, faults);
  const server = createServer((request, response) => {
    void handle(request, response).catch((error: unknown) => {
      if (response.destroyed) return;
      simulator.log.error({ err: error }, 'request failed');
      send(response, jsonReply(500, { error: { type: 'api_error', message: String(error) } }));
    });
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.requestTimeout = REQUEST_MS_MAX;
  return server;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = requestUrl(request);
    if (API_PATH.test(url.pathname)) {
      await handleApi(request, response, url);
    } else if (url.pathname.startsWith('/_simulator/')) {
      send(response, await control(request, url));
    } else {
      // The body of a page's form is empty; reading it keeps the connection usable.
      await readBody(request);
      send(response, page(request, url));
    }
  }

  async function control(request: IncomingMessage, url: URL): Promise<WireReply> {
    try {
      refuseForeignPages(request, simulator.baseUrl());
      const path = url.pathname.slice('/_simulator/'.length).split('/').map(decodePart);
      const form = parseControlBody(await readBody(request));
      const parts = { simulator, faults, dispatcher, query: url.searchParams, form, path };
      return jsonReply(200, await handleControl(request.method ?? '', parts));
    } catch (error) {
      if (!(error instanceof StripeApiError)) throw error;
      return jsonReply(error.status, error.toOutcome().body);
    }
  }

  function page(request: IncomingMessage, url: URL): WireReply {
    const method = request.method ?? '';
    if (url.pathname === '/healthz') return jsonReply(200, { status: 'ok' });
    if (url.pathname.startsWith('/3ds/')) {
      return answerChallenge(simulator, method, url.pathname.slice('/3ds/'.length).split('/'));
    }
    if (method === 'GET' && url.pathname === '/') return htmlReply(200, indexPage(simulator));
    return htmlReply(404, messagePage('Not found', 'The Stripe simulator has no such page.'));
  }
}

/** A part that is no valid encoding stays as it is: no route is called so. */
function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Whatever looks like a version of the API is answered in its envelope, also where it does not exist. */
const API_PATH = /^\/v\d+(\/|$)/;

/** A path that is no URL (`//`) is a page that does not exist. */
function requestUrl(request: IncomingMessage): URL {
  const base = 'http://simulator.invalid';
  const given = request.url ?? '/';
  return URL.canParse(given, base) ? new URL(given, base) : new URL('/not-a-path', base);
}

/** A web page from elsewhere must not steer the simulator through the browser of whoever runs it. */
function refuseForeignPages(request: IncomingMessage, baseUrl: string): void {
  const { origin } = request.headers;
  if (origin === undefined) return;
  const { port } = new URL(baseUrl);
  const own = [`http://127.0.0.1:${port}`, `http://localhost:${port}`];
  if (own.includes(origin)) return;
  throw new StripeApiError(403, {
    type: 'invalid_request_error',
    message: 'The control plane cannot be used from a web page of another origin.',
  });
}
