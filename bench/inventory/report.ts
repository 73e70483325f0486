// The results as Markdown tables, the form docs/benchmarks.md has them in.
import { table } from '../table';
import type { Cleanup } from './cleanup';
import type { VariantLoad } from './hot-products';
import type { LiveHolds } from './live-holds';
import type { Machine } from './machine';
import type { Storm } from './storms';

export interface BenchResults {
  machine: Machine;
  rounds: number;
  seconds: number;
  hotProduct: VariantLoad[];
  sixHotProducts: VariantLoad[];
  storms: Storm[];
  liveHolds: LiveHolds[];
  cleanup: Cleanup;
}

export function renderReport(results: BenchResults): string {
  const { machine } = results;
  return [
    `PostgreSQL ${machine.postgres}, fsync ${machine.fsync}, synchronous_commit ${machine.synchronousCommit}, ` +
      `${machine.cores} cores, Node ${machine.node}, smallest commit ${machine.commitMs.toFixed(2)} ms, ` +
      `${results.rounds} rounds, ${results.seconds} s in all.`,
    '## One hot product, one unit an order',
    renderLoads(results.hotProduct),
    '## Three of six hot products an order',
    renderLoads(results.sixHotProducts),
    '## Storms: all orders in the same tick',
    renderStorms(results.storms),
    '## With many live holds',
    renderLiveHolds(results.liveHolds),
    '## Cleanup with a buyer asking without pause',
    renderCleanup(results.cleanup),
  ].join('\n\n');
}

function renderLoads(loads: readonly VariantLoad[]): string {
  return table(
    ['callers', 'way', 'per second', 'ratio', 'p50 ms', 'p99 ms'],
    loads.map((load) => [
      String(load.callers),
      load.variant,
      load.perSecond.toFixed(0),
      load.ratio.toFixed(2),
      load.p50Ms.toFixed(1),
      load.p99Ms.toFixed(1),
    ]),
  );
}

function renderStorms(storms: readonly Storm[]): string {
  return table(
    ['orders', 'units', 'way', 'half answered ms', 'all answered ms', 'told to come again'],
    storms.map((storm) => [
      String(storm.orders),
      String(storm.units),
      storm.way,
      storm.p50Ms.toFixed(0),
      storm.allAnsweredMs.toFixed(0),
      String(storm.busy),
    ]),
  );
}

function renderLiveHolds(rows: readonly LiveHolds[]): string {
  return table(
    [
      'call',
      'callers',
      'per second, empty',
      'per second, full',
      'p99 ms, empty',
      'p99 ms, full',
      'cost ratio',
    ],
    rows.map((row) => [
      row.call,
      String(row.callers),
      row.empty.perSecond.toFixed(0),
      row.full.perSecond.toFixed(0),
      row.empty.p99Ms.toFixed(1),
      row.full.p99Ms.toFixed(1),
      row.costRatio.toFixed(2),
    ]),
  );
}

function renderCleanup(cleanup: Cleanup): string {
  return table(
    ['what', 'figure'],
    [
      ['dead holds of one product', String(cleanup.holds)],
      ['rows per second', cleanup.rowsPerSecond.toFixed(0)],
      ['longest call of 5,000, ms', cleanup.callMaxMs.toFixed(0)],
      ["buyer's longest wait without cleanup, ms", cleanup.quietMaxMs.toFixed(1)],
      ['longest wait of a buyer of another product during cleanup, ms', cleanup.otherMaxMs.toFixed(1)],
      ["buyer's longest wait during cleanup, median of the rounds, ms", cleanup.stallMedianMs.toFixed(1)],
      ["buyer's longest wait during cleanup, worst round, ms", cleanup.stallMaxMs.toFixed(1)],
      ["buyer's p99 during cleanup, ms", cleanup.buyerP99Ms.toFixed(1)],
    ],
  );
}
