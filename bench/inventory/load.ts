// Closed-loop callers: each asks again as soon as it is answered, until time is up. What they saw, in numbers.

export interface Load {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
}

/** Runs `callers` at once for `turnMs`; calls under way at the end are waited for and counted. */
export async function runCallers(
  callers: number,
  turnMs: number,
  act: (caller: number) => Promise<unknown>,
): Promise<Load> {
  const latenciesMs: number[] = [];
  const startedAtMs = performance.now();
  const loop = async (caller: number): Promise<void> => {
    do {
      const sentAtMs = performance.now();
      await act(caller);
      latenciesMs.push(performance.now() - sentAtMs);
    } while (performance.now() - startedAtMs < turnMs);
  };
  await Promise.all(Array.from({ length: callers }, (_, caller) => loop(caller)));
  return summarise(latenciesMs, performance.now() - startedAtMs);
}

export function summarise(latenciesMs: readonly number[], elapsedMs: number): Load {
  const sorted = [...latenciesMs].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return {
    perSecond: (sorted.length / elapsedMs) * 1_000,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    maxMs: at(1),
  };
}

/** Field by field. */
export function medianLoad(loads: readonly Load[]): Load {
  const of = (field: keyof Load) => median(loads.map((load) => load[field]));
  return { perSecond: of('perSecond'), p50Ms: of('p50Ms'), p99Ms: of('p99Ms'), maxMs: of('maxMs') };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

/** The same things in another order every round, so that none always comes first or after the same other. */
export function rotated<T>(items: readonly T[], round: number): T[] {
  const by = round % Math.max(1, items.length);
  return [...items.slice(by), ...items.slice(0, by)];
}
