// POST /api/maintenance/cleanup-reservations: takes lapsed reservations back, also while Temporal is down.
import type { RequestHandler } from 'express';

import { cleanupExpiredReservations, CLEANUP_LIMIT } from '../db/cleanup';
import { requireAdmin } from './authorization';
import type { ApiDeps } from './deps';
import { requestLog } from './request-log';

/** Of one call, so that it answers in time; `more` tells the caller to come again. */
const ROUNDS_MAX = 20;

export function cleanupReservationsHandler(deps: ApiDeps): RequestHandler {
  return async (request, response) => {
    requireAdmin(request, deps.settings.adminToken);
    const startedAt = process.hrtime.bigint();
    let released = 0;
    let more = true;
    for (let round = 0; more && round < ROUNDS_MAX; round += 1) {
      const count = await cleanupExpiredReservations(deps.pool);
      released += count;
      more = count >= CLEANUP_LIMIT;
    }
    const durationMs = Math.round(Number(process.hrtime.bigint() - startedAt) / 1e6);
    requestLog(response).info({ released, duration_ms: durationMs, more }, 'reservations cleaned up');
    response.json({ released, duration_ms: durationMs, more });
  };
}
