// `npm run bench:inventory`: what the inventory can do, on a PostgreSQL of its own that really flushes to disk. Prints a table
// and writes the numbers as JSON. Figures depend on the machine, so everything compared is measured in turns in the same run,
// and a ratio is the median of the ratios of the rounds.
//   npm run bench:inventory -- --quick      one short round of everything, to see that it runs
//   npm run bench:inventory -- --out FILE   where the JSON goes; default .holdfast/bench-inventory.json
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { measureCleanup } from './cleanup';
import { startBenchServer } from './cluster';
import type { BenchServer } from './cluster';
import { measureHotProduct, measureSixHotProducts } from './hot-products';
import { measureLiveHolds } from './live-holds';
import { describeMachine } from './machine';
import { renderReport } from './report';
import type { BenchResults } from './report';
import { measureStorms } from './storms';

const OUT = resolve(__dirname, '../../.holdfast/bench-inventory.json');

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { quick: { type: 'boolean' }, out: { type: 'string' } } });
  const results = await measureAll(values.quick === true);
  const path = values.out ?? OUT;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(results, null, 2)}\n`);
  console.log(`\n${renderReport(results)}\n\nThe same as JSON: ${path}`);
}

async function measureAll(isQuick: boolean): Promise<BenchResults> {
  const startedAtMs = performance.now();
  const rounds = isQuick ? 1 : 3;
  const holds = isQuick ? 5_000 : 100_000;
  tell('one hot product ...');
  const hotProduct = await onServerOfItsOwn((server) =>
    measureHotProduct(server, { rounds, turnMs: isQuick ? 200 : 800 }),
  );
  tell('orders of three out of six hot products ...');
  const sixHotProducts = await onServerOfItsOwn((server) =>
    measureSixHotProducts(server, { rounds, turnMs: isQuick ? 200 : 800 }),
  );
  tell('storms ...');
  const storms = await onServerOfItsOwn((server) => measureStorms(server, { rounds }));
  tell(`with ${holds} live holds ...`);
  const liveHolds = await onServerOfItsOwn((server) =>
    measureLiveHolds(server, { rounds, holds, turnMs: isQuick ? 200 : 800 }),
  );
  tell(`cleanup of ${holds} dead holds ...`);
  const cleanup = await onServerOfItsOwn((server) => measureCleanup(server, { rounds, holds }));
  const machine = await onServerOfItsOwn(describeMachine);
  const seconds = Math.round((performance.now() - startedAtMs) / 1_000);
  return { machine, rounds, seconds, hotProduct, sixHotProducts, storms, liveHolds, cleanup };
}

/** What one part has written, and the system still writes out, would weigh on the next. */
async function onServerOfItsOwn<T>(measure: (server: BenchServer) => Promise<T>): Promise<T> {
  const server = await startBenchServer(tell);
  try {
    return await measure(server);
  } finally {
    await server.stop();
  }
}

function tell(line: string): void {
  process.stderr.write(`[bench] ${line}\n`);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
