// What the person reads once everything answers.
import type { StackFile } from './stack-file';

/** The lines of the announcement; the database's password and the admin token are not in it. */
export function bannerLines(stack: StackFile, options: { dataDir: string; seconds: number }): string[] {
  const rows: [string, string | null][] = [
    ['API', stack.api],
    ['Temporal UI', stack.temporal_ui],
    ['Temporal', stack.temporal_address],
    ['Stripe simulator', stack.stripe_simulator],
    ['Database', withoutPassword(stack.database_url)],
    ['Data folder', options.dataDir],
  ];
  return [
    '',
    `Ready in ${options.seconds.toFixed(1)} s.`,
    '',
    ...rows.filter(([, value]) => value !== null).map(([name, value]) => `  ${name.padEnd(18)}${value}`),
    '',
    `Try it:   curl ${stack.api}/api/drops`,
    'Ctrl-C stops everything; the data stays for the next start.',
    '',
  ];
}

export function withoutPassword(databaseUrl: string): string {
  const url = new URL(databaseUrl);
  url.password = '';
  return url.toString();
}
