// The maintenance routes: take lapsed reservations back now, and say whether that still happens by itself. Both work while
// Temporal is down.
import type { RequestHandler } from 'express';

import { readMaintenanceHealth, runCleanup } from '../db/cleanup';
import { requireAdmin } from './authorization';
import type { ApiDeps } from './deps';
import { requestLog } from './request-log';
import type { MaintenanceHealthAnswer } from './schemas';

export function cleanupReservationsHandler(deps: ApiDeps): RequestHandler {
  return async (request, response) => {
    requireAdmin(request, deps.settings.adminToken);
    const { released, durationMs, more } = await runCleanup(deps.pool);
    requestLog(response).info({ released, duration_ms: durationMs, more }, 'reservations cleaned up');
    response.json({ released, duration_ms: durationMs, more });
  };
}

/** 503 when overdue, so that a probe needs no JSON. */
export function maintenanceHealthHandler(deps: ApiDeps): RequestHandler {
  return async (request, response) => {
    requireAdmin(request, deps.settings.adminToken);
    const health = await readMaintenanceHealth(deps.pool);
    const answer: MaintenanceHealthAnswer = {
      status: health.isOverdue ? 'overdue' : 'ok',
      last_success_at: health.lastSuccessAt?.toISOString() ?? null,
      runs_24h: health.runs24h,
      success_rate_24h: health.runs24h === 0 ? null : health.successes24h / health.runs24h,
      inventory_drift: health.drift,
    };
    response
      .status(health.isOverdue ? 503 : 200)
      .setHeader('Cache-Control', 'no-store')
      .json(answer);
  };
}
