// The two ends of an operation.
import type { OperationAnswer, OperationRefusal } from '../contracts/operations';

export function done(result: Record<string, unknown> = {}): OperationAnswer {
  return { outcome: 'done', result };
}

export function refuse(refusal: OperationRefusal, result: Record<string, unknown> = {}): OperationAnswer {
  return { outcome: 'refused', refusal, result };
}
