// The Express app, put together from its parts. Pure composition: everything it touches comes in as `deps`.
import express from 'express';
import type { Express, RequestHandler } from 'express';
import helmet from 'helmet';

import { createAdminHandlers } from './admin/handlers';
import { jsonBody, rawBody } from './body';
import {
  cancelCheckoutHandler,
  checkoutEventsHandler,
  readCheckoutHandler,
  readPaymentHandler,
} from './checkouts';
import { createIntentHandler } from './create-intent';
import type { ApiDeps } from './deps';
import { dropEventsHandler, listDropsHandler, readDropHandler } from './drops';
import { healthzHandler, readyzHandler } from './health';
import { cleanupReservationsHandler, maintenanceHealthHandler } from './maintenance';
import { openApiDocument } from './openapi';
import { OPERATIONS } from './operations';
import type { Operation, OperationId } from './operations';
import { pageConfigHandler } from './page-config';
import { Problem, problemHandler } from './problems';
import { nameRoute, requestLogging } from './request-log';
import { stripeWebhookHandler } from './webhook';

/** @returns an app that is not listening yet. */
export function createApp(deps: ApiDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');
  app.use(requestLogging(deps.logger, deps.metrics));
  app.use(helmet());
  addOperations(app, createHandlers(deps));
  addDocument(app);
  app.use(() => {
    throw new Problem('not_found');
  });
  app.use(problemHandler);
  return app;
}

function createHandlers(deps: ApiDeps): Record<OperationId, readonly RequestHandler[]> {
  return {
    createIntent: [jsonBody, createIntentHandler(deps)],
    readCheckout: [readCheckoutHandler(deps)],
    readPayment: [readPaymentHandler(deps)],
    cancelCheckout: [cancelCheckoutHandler(deps)],
    checkoutEvents: [checkoutEventsHandler(deps)],
    listDrops: [listDropsHandler(deps)],
    readDrop: [readDropHandler(deps)],
    dropEvents: [dropEventsHandler(deps)],
    stripeWebhook: [rawBody, stripeWebhookHandler(deps)],
    cleanupReservations: [cleanupReservationsHandler(deps)],
    maintenanceHealth: [maintenanceHealthHandler(deps)],
    ...createAdminHandlers(deps),
    pageConfig: [pageConfigHandler(deps)],
    healthz: [healthzHandler],
    readyz: [readyzHandler(deps)],
  };
}

function addOperations(app: Express, handlers: Record<OperationId, readonly RequestHandler[]>): void {
  for (const [id, operation] of Object.entries(OPERATIONS) as [OperationId, Operation][]) {
    const route = operation.path.replaceAll(/\{(\w+)\}/g, ':$1');
    const named: RequestHandler = (_request, response, next) => {
      nameRoute(response, operation.path);
      next();
    };
    app[operation.method](route, named, ...handlers[id]);
    app.all(route, named, methodNotAllowed(operation.method));
  }
}

function addDocument(app: Express): void {
  const document = openApiDocument();
  app.get('/openapi.json', (_request, response) => {
    nameRoute(response, '/openapi.json');
    response.json(document);
  });
  app.all('/openapi.json', methodNotAllowed('get'));
}

/** Each path has one method; Express answers HEAD with GET's handler. */
function methodNotAllowed(method: Operation['method']): RequestHandler {
  return (_request, response) => {
    response.setHeader('Allow', method === 'get' ? 'GET, HEAD' : method.toUpperCase());
    throw new Problem('method_not_allowed');
  };
}
