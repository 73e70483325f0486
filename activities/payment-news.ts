// What a running checkout hears of its payment, written down: attempts, processing, judged events, calls for a person.
import type { PaymentAttempt } from '../contracts/payment-events';
import { closeEvents, recordDecline, recordProcessing } from '../db/checkouts';
import { openIncident } from '../db/incidents';
import type { ActivityDeps } from './deps';
import { watched } from './endless';

export interface IncidentInput {
  /** Null: it concerns no single checkout. */
  checkoutId: string | null;
  kind: string;
  detail: Record<string, unknown>;
}

export function paymentNewsActivities(deps: ActivityDeps) {
  const { pool } = deps;
  return {
    /** Counts one attempt, however many events tell of it. */
    async recordDecline(input: {
      checkoutId: string;
      eventId: string;
      attempt: PaymentAttempt;
    }): Promise<{ attempts: number }> {
      return watched(deps, { checkoutId: input.checkoutId, step: 'record_decline' }, () =>
        recordDecline(pool, input),
      );
    },

    async recordProcessing(input: { checkoutId: string; eventId: string }): Promise<void> {
      await watched(deps, { checkoutId: input.checkoutId, step: 'record_processing' }, () =>
        recordProcessing(pool, input),
      );
    },

    /** Writes `no_effect` for events that moved nothing. */
    async closeEvents(input: { checkoutId: string; eventIds: string[] }): Promise<void> {
      await watched(deps, { checkoutId: input.checkoutId, step: 'close_events' }, () =>
        closeEvents(pool, input),
      );
    },

    async openIncident(input: IncidentInput): Promise<void> {
      await watched(deps, { checkoutId: input.checkoutId, step: 'open_incident' }, () =>
        openIncident(pool, input),
      );
    },

    /** Hands what a closed checkout cannot judge any more to settlement. */
    async startSettlement({ checkoutId }: { checkoutId: string }): Promise<void> {
      await watched(deps, { checkoutId, step: 'start_settlement' }, () =>
        deps.runs.startSettlement(checkoutId),
      );
    },
  };
}
