// `npm run test:stripe`: the conformance suite against Stripe's test mode (or, with STRIPE_API_BASE, against whatever
// answers there); `npm run test:stripe -- end key-3` runs the claims whose ids begin so. Makes small test objects, cancels what it leaves open, and prints one line per claim.
import { ConfigError } from '../../platform/config';
import { SIMULATOR_ONLY } from './simulator-only';
import { CLAIMS, runAll } from './suite';
import type { Result } from './suite';
import { apiBaseOf, readTarget, TargetRefused } from './target';

async function main(): Promise<number> {
  const target = readTarget(process.env);
  say(`Conformance with ${apiBaseOf(target)}: small test payments only, nothing real.\n`);
  const wanted = process.argv.slice(2);
  const list = CLAIMS.filter(({ id }) => wanted.length === 0 || wanted.some((start) => id.startsWith(start)));
  const { results, calls } = await runAll(list, target, (result) => say(lineOf(result)));
  for (const { says, shownBy } of SIMULATOR_ONLY) {
    say(`simulator only  ${says} (test/simulator/${shownBy}.test.ts)`);
  }
  const count = (verdict: Result['verdict']) => results.filter((result) => result.verdict === verdict).length;
  const left = results.flatMap((result) => result.left);
  if (left.length > 0) say(`\nLeft open, please cancel by hand: ${left.join(', ')}`);
  say(
    `\n${count('pass')} passed, ${count('fail')} failed, ${count('skipped')} skipped, ` +
      `${SIMULATOR_ONLY.length} simulator only; ${calls} calls.`,
  );
  return count('fail') === 0 ? 0 : 1;
}

function lineOf({ claim, verdict, why }: Result): string {
  const words = { pass: 'pass', fail: 'FAIL', skipped: 'skipped' }[verdict];
  const line = `${words.padEnd(8)}${claim.id.padEnd(12)}${claim.says}`;
  return why === '' ? line : `${line}\n${' '.repeat(20)}${why}`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    if (!(error instanceof TargetRefused) && !(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 2;
  },
);
