// `npm run check:triple [-- <days>]`: has a worker compare row, workflow result and Stripe of what closed in the last days
// (1), and prints the report. Ends with 1 when something was found. Reaches the Temporal of the environment, else of the stack
// that runs here.
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import {
  MAIN_TASK_QUEUE,
  TRIPLE_CHECK_WORKFLOW_TYPE,
  type TripleCheckReport,
} from '../../contracts/messages';
import { loadConfig, type Config } from '../../platform/config';
import { connectTemporalClient } from '../../platform/temporal';

const DAY_SECONDS = 86_400;
const DAYS_MAX = 365;

async function main(): Promise<void> {
  const days = Number(process.argv[2] ?? 1);
  if (!(days > 0 && days <= DAYS_MAX)) throw new Error(`The days must be a number up to ${DAYS_MAX}.`);
  const config = loadConfig();
  const address = config.temporal.address ?? addressOfStack(config);
  const { client, close } = await connectTemporalClient({ ...config.temporal, address });
  try {
    const report = (await client.workflow.execute(TRIPLE_CHECK_WORKFLOW_TYPE, {
      workflowId: `operation-${randomUUID()}`,
      taskQueue: MAIN_TASK_QUEUE,
      args: [{ closedSeconds: Math.round(days * DAY_SECONDS) }],
    })) as TripleCheckReport;
    const { checked, healed, findings } = report;
    process.stdout.write(
      `${checked} closed checkouts compared, ${healed} handed to settlement, ${findings} contradictions.\n`,
    );
    if (findings > 0) {
      process.stdout.write('Each is an open incident; docs/operations.md says what to do about its kind.\n');
      process.exitCode = 1;
    }
  } finally {
    await close();
  }
}

function addressOfStack(config: Config): string {
  const path = join(resolve(__dirname, '../..', config.dataDir), 'stack.json');
  if (!existsSync(path)) throw new Error('Set TEMPORAL_ADDRESS, or start a stack here with "npm start".');
  return (JSON.parse(readFileSync(path, 'utf8')) as { temporal_address: string }).temporal_address;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
