// An operation's record in the shape of the wire.
import { OPERATION_REFUSALS } from '../../contracts/operations';
import type { OperationRecord } from '../../db/operations';
import type { OperationJson } from './schemas';

export function operationJson(record: OperationRecord): OperationJson {
  const { refusal } = record;
  return {
    operation_id: record.operationId,
    action: record.action,
    target_kind: record.targetKind,
    target: record.target,
    operator: record.operator,
    reason: record.reason,
    request: record.request,
    state: record.outcome ?? 'running',
    refusal,
    detail: refusal && OPERATION_REFUSALS[refusal],
    result: record.result,
    before: record.before,
    after: record.after,
    requested_at: record.requestedAt.toISOString(),
    finished_at: record.finishedAt?.toISOString() ?? null,
  };
}
