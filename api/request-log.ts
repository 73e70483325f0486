// One log line and one measurement per request; never a body, a header or a full address.
import { randomUUID } from 'node:crypto';

import type { RequestHandler, Response } from 'express';
import type { Logger } from 'pino';
import { Counter, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';

/** The request's logger: every line has its request_id, and checkout_id once it is known. */
export function requestLog(response: Response): Logger {
  return response.locals['log'] as Logger;
}

/** From here on, every line of this request names its checkout. */
export function nameCheckout(response: Response, checkoutId: string): void {
  response.locals['log'] = requestLog(response).child({ checkout_id: checkoutId });
}

/** The operation's path pattern: a label with few values, and no ids in logs. */
export function nameRoute(response: Response, route: string): void {
  response.locals['route'] = route;
}

/** An answer that goes on until its client leaves: neither how long it lasted nor that it was cut off says anything. */
export function nameStream(response: Response): void {
  response.locals['isStream'] = true;
}

/** Reads that went well are counted, not told: buyers poll, and their lines would bury the ones that matter. */
function isRoutine(method: string, status: number | string): boolean {
  return (method === 'GET' || method === 'HEAD') && typeof status === 'number' && status < 400;
}

export function requestLogging(logger: Logger, metrics: Registry): RequestHandler {
  const requests = new Counter({
    name: 'holdfast_http_requests_total',
    help: 'Requests answered, by route and status.',
    labelNames: ['method', 'route', 'status'],
    registers: [metrics],
  });
  const durations = new Histogram({
    name: 'holdfast_http_request_duration_seconds',
    help: 'Time to the end of the answer, by route.',
    labelNames: ['route'],
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20],
    registers: [metrics],
  });
  return (request, response, next) => {
    const startedAt = process.hrtime.bigint();
    response.locals['log'] = logger.child({ request_id: randomUUID() });
    response.once('close', () => {
      const seconds = Number(process.hrtime.bigint() - startedAt) / 1e9;
      const route = (response.locals['route'] as string | undefined) ?? 'unknown';
      const isStream = response.locals['isStream'] === true && response.headersSent;
      const isAborted = !response.writableFinished && !isStream;
      const status = isAborted ? 'aborted' : response.statusCode;
      requests.inc({ method: request.method, route, status });
      if (!isStream) durations.observe({ route }, seconds);
      requestLog(response)[isRoutine(request.method, status) ? 'debug' : 'info'](
        { method: request.method, route, status, duration_ms: Math.round(seconds * 1_000) },
        'request answered',
      );
    });
    next();
  };
}
