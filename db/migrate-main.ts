// Command line: brings the database of DATABASE_URL to the newest schema.
import { migrate } from './migrate';

async function main(): Promise<void> {
  // The one setting this command needs; the full configuration would ask for Stripe keys.
  // oxlint-disable-next-line node/no-process-env
  const url = process.env['DATABASE_URL'];
  if (!url) throw new Error('DATABASE_URL is not set.');
  const { applied } = await migrate(url, { log: print });
  if (applied.length === 0) print('nothing to migrate');
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

main().catch((err: unknown) => {
  process.stderr.write(`${err instanceof Error ? err.message : String(err)}\n`);
  process.exitCode = 1;
});
