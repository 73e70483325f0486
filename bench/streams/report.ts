// The results as the Markdown table that docs/benchmarks.md has: medians of the rounds.
import { median } from '../inventory/load';
import type { Machine } from '../inventory/machine';
import { table } from '../table';

export interface Turn {
  kind: 'drop' | 'checkout';
  listeners: number;
  /** Until every listener had its first state. */
  joinMs: number;
  joinReads: number;
  queriesPerSecond: number;
  queryMs: number;
  /** Of one core, by the API process. */
  cpuShare: number;
  memoryMb: number;
  /** From the commit to the arrival, over all listeners that had to be told. */
  p50Ms: number;
  p99Ms: number;
  /** From the first listener's arrival to the last one's. */
  spreadMs: number;
  spreadMaxMs: number;
}

export interface StreamResults {
  machine: Machine;
  listeners: number;
  turns: Turn[];
}

export function renderStreams({ machine, turns }: StreamResults): string {
  const rows = [...groups(turns).values()].map((group) => {
    const of = (read: (turn: Turn) => number) => median(group.map(read));
    const [first] = group;
    return [
      first?.kind ?? '',
      String(first?.listeners ?? 0),
      of((turn) => turn.joinMs).toFixed(0),
      of((turn) => turn.joinReads).toFixed(0),
      of((turn) => turn.queriesPerSecond).toFixed(2),
      of((turn) => turn.queryMs).toFixed(1),
      of((turn) => turn.p50Ms).toFixed(0),
      of((turn) => turn.p99Ms).toFixed(0),
      of((turn) => turn.spreadMs).toFixed(0),
      of((turn) => 100 * turn.cpuShare).toFixed(0),
      of((turn) => turn.memoryMb).toFixed(0),
    ];
  });
  const head = [
    'stream',
    'listeners',
    'all joined ms',
    'queries to join',
    'queries a second',
    'one query ms',
    'told p50 ms',
    'told p99 ms',
    'first to last ms',
    'API CPU %',
    'API MiB',
  ];
  return [
    `PostgreSQL ${machine.postgres}, ${machine.cores} cores, Node ${machine.node}, smallest commit ${machine.commitMs.toFixed(2)} ms.`,
    table(head, rows),
  ].join('\n\n');
}

function groups(turns: readonly Turn[]): Map<string, Turn[]> {
  const byKey = new Map<string, Turn[]>();
  for (const turn of turns) {
    const key = `${turn.kind} ${turn.listeners}`;
    byKey.set(key, [...(byKey.get(key) ?? []), turn]);
  }
  return byKey;
}
