// `npm run test:mutations`: breaks the SQL on purpose, one fault at a time, in a copy of the project, and sees that the test
// named for that fault notices. A guarantee whose test passes on a broken database is none. Not part of `npm test`.
//   npm run test:mutations -- WORD   only the faults whose text holds the word
import { rmSync } from 'node:fs';

import { startPostgres } from '../../local/postgres';
import { startGuardian } from '../../local/processes/guardian';
import { migrationWith } from './plant';
import { PLANTED } from './planted';
import type { Planted } from './planted';
import { createScratch, runTest } from './scratch';
import type { Scratch } from './scratch';

async function main(): Promise<void> {
  const word = process.argv[2] ?? '';
  const planted = PLANTED.filter((one) => one.fault.includes(word));
  const scratch = createScratch();
  const guardian = startGuardian();
  const log = (line: string) => void process.stderr.write(`[postgres] ${line}\n`);
  try {
    const postgres = await startPostgres({ dataDir: scratch.folder, port: 0, durable: false, guardian, log });
    try {
      const missed = await judgeAll(planted, scratch, postgres.url);
      console.log(
        `\n${planted.length - missed} of ${planted.length} planted faults caught by the test named for them`,
      );
      if (missed > 0 || planted.length === 0) process.exitCode = 1;
    } finally {
      await postgres.stop();
      rmSync(postgres.place, { recursive: true, force: true });
    }
  } finally {
    await guardian.close();
    scratch.remove();
  }
}

/** How many went unnoticed. A test that fails without any fault would notice everything, and so says nothing. */
async function judgeAll(planted: readonly Planted[], scratch: Scratch, postgresUrl: string): Promise<number> {
  let missed = 0;
  for (const one of planted) {
    const migration = migrationWith(scratch.schema, one);
    scratch.plant(null);
    const sound = await runTest(scratch.folder, postgresUrl, one);
    scratch.plant(migration);
    const broken = await runTest(scratch.folder, postgresUrl, one);
    const isCaught = sound.status === 'passed' && broken.status === 'failed';
    if (!isCaught) missed += 1;
    console.log(`${isCaught ? 'caught' : 'MISSED'}  ${one.fault}`);
    console.log(`        ${one.file}: ${one.test}`);
    console.log(
      `        ${isCaught ? broken.why : `sound: ${sound.status}, broken: ${broken.status} ${sound.why} ${broken.why}`}`,
    );
  }
  return missed;
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
