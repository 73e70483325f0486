// Drops, for everybody: what is sold, when, and how much of it is left.
import type { RequestHandler } from 'express';

import { listDrops, readDrop } from '../db/drops';
import type { DropView } from '../db/drops';
import type { ApiDeps } from './deps';
import { Problem } from './problems';
import { dropIdParameter } from './schemas';
import type { DropAnswer } from './schemas';

export function listDropsHandler(deps: ApiDeps): RequestHandler {
  return async (_request, response) => {
    const drops = await listDrops(deps.pool);
    response.setHeader('Cache-Control', 'no-store').json({ drops: drops.map(dropJson) });
  };
}

export function readDropHandler(deps: ApiDeps): RequestHandler {
  return async (request, response) => {
    const id = dropIdParameter.safeParse(request.params['id']);
    const drop = id.success ? await readDrop(deps.pool, id.data) : null;
    if (drop === null) throw new Problem('not_found');
    response.setHeader('Cache-Control', 'no-store').json(dropJson(drop));
  };
}

function dropJson(drop: DropView): DropAnswer {
  return {
    id: drop.id,
    name: drop.name,
    currency: drop.currency,
    opens_at: drop.opensAt.toISOString(),
    closes_at: drop.closesAt?.toISOString() ?? null,
    products: drop.products.map((product) => ({
      id: product.id,
      name: product.name,
      unit_price: product.unitPriceMinor,
      total: product.total,
      available: product.available,
      max_per_customer: product.maxPerCustomer,
    })),
  };
}
