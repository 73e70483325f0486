// Drops, for everybody: what is sold, when, and how much of it is left.
import type { Request, RequestHandler } from 'express';

import { listDrops, readDrop } from '../db/drops';
import type { ApiDeps } from './deps';
import { dropJson } from './drop-json';
import { Problem } from './problems';
import { nameStream } from './request-log';
import { dropIdParameter } from './schemas';

export function listDropsHandler(deps: ApiDeps): RequestHandler {
  return async (_request, response) => {
    const drops = await listDrops(deps.pool);
    response.setHeader('Cache-Control', 'no-store').json({ drops: drops.map(dropJson) });
  };
}

export function readDropHandler(deps: ApiDeps): RequestHandler {
  return async (request, response) => {
    const drop = await readDrop(deps.pool, requireDropId(request));
    if (drop === null) throw new Problem('not_found');
    response.setHeader('Cache-Control', 'no-store').json(dropJson(drop));
  };
}

export function dropEventsHandler(deps: ApiDeps): RequestHandler {
  return async (request, response) => {
    nameStream(response);
    await deps.streams.drop(requireDropId(request), request, response);
  };
}

function requireDropId(request: Request): string {
  const id = dropIdParameter.safeParse(request.params['id']);
  if (!id.success) throw new Problem('not_found');
  return id.data;
}
