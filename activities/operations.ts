// What operators have done: the record before and after, and the acts that are not about a checkout. Each act is idempotent
// by the operation's id.
import { ApplicationFailure } from '@temporalio/common';

import type { OperationAnswer, OperationInput, OperationRefusal } from '../contracts/operations';
import type { CheckoutStatus } from '../contracts/statuses';
import { runCleanup } from '../db/cleanup';
import { RefusedByDatabaseError } from '../db/errors';
import { markForwarded, replayEvent } from '../db/inbox';
import { resolveIncident } from '../db/incidents';
import { beginOperation, finishOperation } from '../db/operations';
import type { OperationRecord } from '../db/operations';
import { adjustTotalInventory } from '../db/stock';
import type { ActivityDeps } from './deps';
import { watchedAll } from './endless';

export interface BegunOperation {
  /** An earlier run of the same operation came to its end. */
  answer: OperationAnswer | null;
  isTargetKnown: boolean;
  /** Only where the operation is about a checkout that is there. */
  status: CheckoutStatus | null;
}

export interface RestockInput {
  operationId: string;
  dropProductId: string;
  units: number;
  operator: string;
  reason: string;
}

export function operationActivities(deps: ActivityDeps) {
  return watchedAll(deps, acts(deps));
}

function acts(deps: ActivityDeps) {
  const { pool, runs } = deps;
  return {
    async beginOperation(input: OperationInput): Promise<BegunOperation> {
      const { before, outcome, refusal, result, targetKind } = await begin(deps, input);
      return {
        answer: answerOf(outcome, refusal, result ?? {}),
        isTargetKnown: before !== null,
        status: targetKind === 'checkout' ? ((before?.['status'] ?? null) as CheckoutStatus | null) : null,
      };
    },

    async finishOperation(input: { operationId: string; answer: OperationAnswer }): Promise<void> {
      await finishOperation(pool, input.operationId, input.answer);
    },

    async replayEvent({ eventId }: { eventId: string }): Promise<OperationAnswer> {
      const { checkoutId, signal, outcome } = await replayEvent(pool, eventId);
      if (outcome !== null) return refuse('already_judged', { outcome });
      if (checkoutId === null) return refuse('not_ours');
      const isTaken = signal !== null && (await runs.signalCheckout(checkoutId, signal));
      if (!isTaken) await runs.startSettlement(checkoutId);
      await markForwarded(pool, eventId);
      return done({ handed_to: isTaken ? 'checkout' : 'settlement' });
    },

    async restock({
      operationId,
      dropProductId,
      units,
      operator,
      reason,
    }: RestockInput): Promise<OperationAnswer> {
      try {
        const { total, available } = await adjustTotalInventory(pool, {
          requestKey: `operation:${operationId}`,
          dropProductId,
          units,
          who: operator,
          why: reason,
        });
        return done({ total, available });
      } catch (error) {
        if (!(error instanceof RefusedByDatabaseError)) throw error;
        if (error.reason === 'below_held_and_sold')
          return refuse('below_held_and_sold', { held_and_sold: Number(error.detail) });
        if (error.reason === 'not_found') return refuse('unknown_target');
        throw error;
      }
    },

    async resolveIncident(input: { incidentId: string; operationId: string }): Promise<OperationAnswer> {
      return (await resolveIncident(pool, input)) === true ? done({}) : refuse('already_resolved');
    },

    async cleanUpNow(): Promise<OperationAnswer> {
      const { released, more, durationMs } = await runCleanup(pool);
      return done({ released, more, duration_ms: durationMs });
    },
  };
}

/** The API compares before it starts; whoever starts the workflow by hand is told once and not again and again. */
async function begin({ pool }: ActivityDeps, input: OperationInput): Promise<OperationRecord> {
  try {
    return await beginOperation(pool, input);
  } catch (error) {
    if (error instanceof RefusedByDatabaseError)
      throw ApplicationFailure.nonRetryable(error.message, error.reason);
    throw error;
  }
}

function answerOf(
  outcome: 'done' | 'refused' | null,
  refusal: OperationRefusal | null,
  result: Record<string, unknown>,
): OperationAnswer | null {
  if (outcome === null) return null;
  return refusal === null ? { outcome: 'done', result } : { outcome: 'refused', refusal, result };
}

function done(result: Record<string, unknown>): OperationAnswer {
  return { outcome: 'done', result };
}

function refuse(refusal: OperationRefusal, result: Record<string, unknown> = {}): OperationAnswer {
  return { outcome: 'refused', refusal, result };
}
