// Every call of the API, for tests that count them: how many in a window, with which key, with which answer. Memory only.

/** Memory bound: the oldest calls are forgotten first. */
const KEPT_MAX = 50_000;

export interface RequestLine {
  /** Arrival, wall clock, milliseconds. */
  readonly at_ms: number;
  /** As faults name it; `unknown` for a route the simulator does not have. */
  readonly operation: string;
  readonly path: string;
  readonly request_id: string;
  readonly idempotency_key: string | null;
  /** Null while unanswered, and for ever when the connection was cut or left hanging. */
  status: number | null;
  /** Answered from what was stored under its key. */
  replayed: boolean;
}

export class Requests {
  private lines: RequestLine[] = [];
  private forgotten = 0;

  /** Notes a call as it arrives; the caller fills in `status` and `replayed`. */
  arrived(call: Pick<RequestLine, 'operation' | 'path' | 'request_id' | 'idempotency_key'>): RequestLine {
    const line: RequestLine = { ...call, at_ms: Date.now(), status: null, replayed: false };
    this.lines.push(line);
    if (this.lines.length > KEPT_MAX) {
      const excess = Math.ceil(KEPT_MAX / 10);
      this.lines.splice(0, excess);
      this.forgotten += excess;
    }
    return line;
  }

  clear(): void {
    this.lines = [];
    this.forgotten = 0;
  }

  /**
   * The calls of one operation (null: of all), oldest first, with counts; `windowSeconds` adds the window of that length,
   * beginning at a call, that saw the most of them.
   */
  view(operation: string | null, windowSeconds: number | null): object {
    const requests = this.lines.filter((line) => operation === null || line.operation === operation);
    return {
      calls: requests.length,
      by_operation: countBy(requests, (line) => line.operation),
      by_status: countBy(requests, (line) => String(line.status ?? 'unanswered')),
      ...(windowSeconds === null ? {} : { busiest_window: busiestWindow(requests, windowSeconds) }),
      forgotten: this.forgotten,
      requests,
    };
  }
}

function countBy(
  lines: readonly RequestLine[],
  nameOf: (line: RequestLine) => string,
): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const line of lines) counts[nameOf(line)] = (counts[nameOf(line)] ?? 0) + 1;
  return counts;
}

/** The window `[from_ms, from_ms + seconds)` with the most calls. */
function busiestWindow(lines: readonly RequestLine[], seconds: number): object {
  let best = { seconds, calls: 0, from_ms: 0 };
  let end = 0;
  for (const [start, { at_ms: from }] of lines.entries()) {
    while (end < lines.length && (lines[end]?.at_ms ?? 0) < from + seconds * 1000) end += 1;
    if (end - start > best.calls) best = { seconds, calls: end - start, from_ms: from };
  }
  return best;
}
