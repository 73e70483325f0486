// The record of what operators did: written before the act, finished once.
import { operationTarget } from '../contracts/operations';
import type {
  OperationAction,
  OperationAnswer,
  OperationInput,
  OperationRefusal,
} from '../contracts/operations';
import { queryMaybeOne, queryOne } from './query';
import type { Db } from './query';

export type Snapshot = Record<string, unknown>;

export interface OperationRecord {
  operationId: string;
  requestFingerprint: string;
  action: OperationAction;
  targetKind: 'checkout' | 'event' | 'product' | 'incident' | 'system';
  target: string;
  operator: string;
  reason: string;
  /** As asked, in snake case. */
  request: Record<string, unknown>;
  /** Null where there is no such thing. */
  before: Snapshot | null;
  after: Snapshot | null;
  /** Null while it is under way. */
  outcome: 'done' | 'refused' | null;
  refusal: OperationRefusal | null;
  result: Record<string, unknown> | null;
  requestedAt: Date;
  finishedAt: Date | null;
}

export interface OperationRow {
  operation_id: string;
  request_fingerprint: string;
  action: OperationAction;
  target_kind: OperationRecord['targetKind'];
  target: string;
  operator: string;
  reason: string;
  request: Record<string, unknown>;
  before: Snapshot | null;
  after: Snapshot | null;
  outcome: 'done' | 'refused' | null;
  refusal: OperationRefusal | null;
  result: Record<string, unknown> | null;
  requested_at: Date;
  finished_at: Date | null;
}

/**
 * Writes down who wants what and why, with how it stands now. A known operation is answered as it is.
 * @throws RefusedByDatabaseError `other_request`.
 */
export async function beginOperation(db: Db, input: OperationInput): Promise<OperationRecord> {
  const { kind, id } = operationTarget(input.request);
  const row = await queryOne<OperationRow>(
    db,
    'select * from begin_operation($1, $2, $3, $4, $5, $6, $7, $8)',
    [
      input.operationId,
      input.requestFingerprint,
      input.request.action,
      kind,
      id,
      input.operator,
      input.reason,
      JSON.stringify(requestJson(input)),
    ],
  );
  return toRecord(row);
}

/** What came of it, with how it stands now. The first answer stays. */
export async function finishOperation(
  db: Db,
  operationId: string,
  answer: OperationAnswer,
): Promise<OperationRecord> {
  const row = await queryOne<OperationRow>(db, 'select * from finish_operation($1, $2, $3, $4)', [
    operationId,
    answer.outcome,
    answer.outcome === 'refused' ? answer.refusal : null,
    JSON.stringify(answer.result),
  ]);
  return toRecord(row);
}

/** Null while nothing is on record: the workflow has not begun, or there is no such operation. */
export async function readOperation(db: Db, operationId: string): Promise<OperationRecord | null> {
  const row = await queryMaybeOne<OperationRow>(
    db,
    'select * from admin_operations where operation_id = $1',
    [operationId],
  );
  return row && toRecord(row);
}

/** Whether an operator's cancel of this checkout is under way. */
export async function isCancelUnderWay(db: Db, checkoutId: string): Promise<boolean> {
  const row = await queryOne<{ is_asked: boolean }>(
    db,
    `select exists (
       select 1 from admin_operations where target = $1 and action = 'cancel' and outcome is null) as is_asked`,
    [checkoutId],
  );
  return row.is_asked;
}

/** The fields of the action itself; what it is about stands in a column of its own. */
function requestJson({ request }: OperationInput): Record<string, unknown> {
  switch (request.action) {
    case 'extend':
      return { seconds: request.seconds };
    case 'refund':
      return {
        amount: request.amountMinor,
        returned_lines:
          request.returnedLines === 'all'
            ? 'all'
            : request.returnedLines.map((line) => ({
                drop_product_id: line.dropProductId,
                quantity: line.quantity,
              })),
      };
    case 'restock':
      return { units: request.units };
    case 'cancel':
    case 'ask_stripe':
    case 'reclaim':
    case 'replay_event':
    case 'resolve_incident':
    case 'clean_up':
    case 'reconcile':
      return {};
  }
}

export function toRecord(row: OperationRow): OperationRecord {
  return {
    operationId: row.operation_id,
    requestFingerprint: row.request_fingerprint,
    action: row.action,
    targetKind: row.target_kind,
    target: row.target,
    operator: row.operator,
    reason: row.reason,
    request: row.request,
    before: row.before,
    after: row.after,
    outcome: row.outcome,
    refusal: row.refusal,
    result: row.result,
    requestedAt: row.requested_at,
    finishedAt: row.finished_at,
  };
}
