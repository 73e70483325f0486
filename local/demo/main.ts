// `npm run demo`: plays every outcome that matters on a running stack, side by side, and checks stock and money.
import { findBrokenInvariants } from '../../test/support/invariants';
import { OUTCOMES, type Outcome } from './outcomes';
import { Stage } from './stage';

interface Row {
  outcome: string;
  status: string;
  stock: string;
  captured: number;
  refunded: number;
  seconds: number;
  isAsExpected: boolean;
  fault?: string;
}

async function main(): Promise<void> {
  const stage = await Stage.open(process.env['HOLDFAST_DATA_DIR'] ?? '.holdfast');
  try {
    console.log(
      `Playing ${OUTCOMES.length} outcomes side by side. One of them waits for the payment deadline, so this takes ` +
        `about ${stage.windowSeconds + 60} s at most.\n`,
    );
    const rows = await Promise.all(OUTCOMES.map((outcome) => play(stage, outcome)));
    printTable(rows);
    const faults = [
      ...rows
        .filter((row) => !row.isAsExpected)
        .map((row) => `${row.outcome}: ${row.fault ?? 'not as expected'}`),
      ...(await findBrokenInvariants({
        pool: stage.pool,
        simulatorUrl: stage.simulatorUrl,
        holdfastEnv: await stage.holdfastEnv(),
      })),
    ];
    for (const fault of faults) console.log(`BROKEN  ${fault}`);
    console.log(faults.length === 0 ? 'Every invariant holds: stock, money and status agree.' : '');
    process.exitCode = faults.length === 0 ? 0 : 1;
  } finally {
    await stage.close();
  }
}

async function play(stage: Stage, outcome: Outcome): Promise<Row> {
  const startedAtMs = Date.now();
  const productId = await stage.addProduct(outcome.name, outcome.units);
  try {
    const checkout = await outcome.play(stage, productId);
    const body = await stage.ended(checkout);
    const payment = await stage.payment(checkout);
    const stockAfter = await stage.available(productId);
    const row = {
      outcome: outcome.name,
      status: body.status,
      stock: `${outcome.units} -> ${stockAfter}`,
      captured: payment?.captured ?? 0,
      refunded: payment?.refunded ?? 0,
      seconds: (Date.now() - startedAtMs) / 1000,
    };
    const due = (sum: 'total' | 0) => (sum === 'total' ? checkout.amount : 0);
    const { expected } = outcome;
    const isAsExpected =
      row.status === expected.status &&
      stockAfter === expected.stockAfter &&
      row.captured === due(expected.captured) &&
      row.refunded === due(expected.refunded);
    return { ...row, isAsExpected };
  } catch (error) {
    const fault = error instanceof Error ? error.message : 'unknown error';
    const seconds = (Date.now() - startedAtMs) / 1000;
    return {
      outcome: outcome.name,
      status: '-',
      stock: '-',
      captured: 0,
      refunded: 0,
      seconds,
      isAsExpected: false,
      fault,
    };
  }
}

function printTable(rows: Row[]): void {
  const width = Math.max(...rows.map((row) => row.outcome.length));
  console.log(
    `   ${'outcome'.padEnd(width)}  ${'status'.padEnd(15)} ${'stock'.padEnd(8)} captured refunded  seconds`,
  );
  for (const row of rows) {
    const cells = [
      row.isAsExpected ? 'ok' : '!!',
      row.outcome.padEnd(width),
      ` ${row.status.padEnd(15)}`,
      row.stock.padEnd(8),
      String(row.captured).padStart(8),
      String(row.refunded).padStart(8),
      row.seconds.toFixed(1).padStart(8),
    ];
    console.log(cells.join(' '));
  }
  console.log('\nAmounts in minor units, from the ledger of the Stripe simulator.');
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
