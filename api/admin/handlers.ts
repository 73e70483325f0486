// The operators' part of the API: the token first, then everything else.
import type { RequestHandler } from 'express';

import { requireAdmin } from '../authorization';
import { jsonBody } from '../body';
import type { ApiDeps } from '../deps';
import { createActs } from './acts';
import { createReads } from './reads';
import type { AdminOperationId } from './routes';

export function createAdminHandlers(deps: ApiDeps): Record<AdminOperationId, readonly RequestHandler[]> {
  const admin: RequestHandler = (request, _response, next) => {
    requireAdmin(request, deps.settings.adminToken);
    next();
  };
  const behindToken = <Id extends string>(
    handlers: Record<Id, RequestHandler>,
    ...before: RequestHandler[]
  ): Record<Id, readonly RequestHandler[]> =>
    Object.fromEntries(
      Object.entries<RequestHandler>(handlers).map(([id, handler]) => [id, [admin, ...before, handler]]),
    ) as unknown as Record<Id, readonly RequestHandler[]>;
  return { ...behindToken(createActs(deps), jsonBody), ...behindToken(createReads(deps)) };
}
