// What an error of the Temporal client means. The client throws gRPC's own errors, its own around them, or (out of
// update-with-start) bare ones that only carry the code; so the code decides.

/** https://grpc.io/docs/guides/status-codes/ */
const GRPC = {
  cancelled: 1,
  deadlineExceeded: 4,
  notFound: 5,
  resourceExhausted: 8,
  aborted: 10,
  unavailable: 14,
} as const;

const OUTAGE_CODES: readonly unknown[] = [
  GRPC.cancelled,
  GRPC.deadlineExceeded,
  GRPC.resourceExhausted,
  GRPC.aborted,
  GRPC.unavailable,
];

/** Whether Temporal is away or overloaded; other codes tell of a wrong request. */
export function isTemporalOutage(err: unknown): boolean {
  return OUTAGE_CODES.includes(grpcCodeOf(err));
}

/** Whether there is no such run any more. */
export function isRunGone(err: unknown): boolean {
  return grpcCodeOf(err) === GRPC.notFound;
}

/** Numbers only: the codes of Node and of PostgreSQL are strings. */
function grpcCodeOf(err: unknown): number | undefined {
  if (!(err instanceof Error)) return undefined;
  const code: unknown = 'code' in err ? err.code : undefined;
  return typeof code === 'number' ? code : grpcCodeOf(err.cause);
}
