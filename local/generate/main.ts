// Writes the generated files, or with --check says which are stale: docs/openapi.json and db/schema.sql.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { openApiDocument } from '../../api/openapi';
import { currentSchema } from './schema';

const PROJECT = path.resolve(__dirname, '../..');

interface Generated {
  file: string;
  text: string;
}

async function main(isCheck: boolean): Promise<void> {
  const databaseUrl = process.env['HOLDFAST_GENERATE_DATABASE_URL'];
  const files: Generated[] = [
    { file: 'docs/openapi.json', text: `${JSON.stringify(openApiDocument(), null, 2)}\n` },
  ];
  // A check without a database leaves schema.sql to its test, which compares it as well.
  if (!isCheck || databaseUrl !== undefined) {
    files.push({ file: 'db/schema.sql', text: await currentSchema(databaseUrl) });
  }
  const stale = files.filter(({ file, text }) => readOrEmpty(file) !== text);
  if (isCheck) report(stale);
  else for (const { file, text } of stale) writeFileSync(path.join(PROJECT, file), text);
  if (!isCheck) console.log(stale.length === 0 ? 'Nothing to write.' : `Written: ${namesOf(stale)}`);
}

function report(stale: readonly Generated[]): void {
  if (stale.length === 0) return;
  console.error(`Stale: ${namesOf(stale)}. Run npm run generate and commit the result.`);
  process.exitCode = 1;
}

function namesOf(files: readonly Generated[]): string {
  return files.map(({ file }) => file).join(', ');
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(path.join(PROJECT, file), 'utf8');
  } catch {
    return '';
  }
}

main(process.argv.includes('--check')).catch((err: unknown) => {
  console.error(err);
  process.exitCode = 1;
});
