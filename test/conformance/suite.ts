// All claims, and running them one after the other against one target.
import { randomUUID } from 'node:crypto';
import Stripe from 'stripe';
import type { Claim } from './claim';
import { ACCESS } from './claims/access';
import { ATTEMPTS } from './claims/attempts';
import { CREATING } from './claims/creating';
import { ENDING } from './claims/ending';
import { EVENTS } from './claims/events';
import { KEYS } from './claims/keys';
import { MONEY_BACK } from './claims/money-back';
import { ClaimFailed } from './check';
import { Budget, Conversation, NotHere } from './conversation';
import type { Target } from './target';

export const CLAIMS: readonly Claim[] = [
  ...ACCESS,
  ...CREATING,
  ...ATTEMPTS,
  ...ENDING,
  ...KEYS,
  ...MONEY_BACK,
  ...EVENTS,
];

/** A whole run takes about 400 calls; anything far beyond is a loop. */
export const LIMITS = { callsMax: 1_000, secondsMax: 15 * 60 };

export interface Result {
  readonly claim: Claim;
  readonly verdict: 'pass' | 'fail' | 'skipped';
  /** Why it failed or was skipped; for a pass, empty. */
  readonly why: string;
  /** Ids of objects that could not be closed. */
  readonly left: readonly string[];
}

/** Runs one claim and closes what it left open. Never throws: a call that breaks is a failed claim. */
export async function runClaim(
  claim: Claim,
  target: Target,
  budget: Budget,
  runId = randomUUID(),
): Promise<Result> {
  const talk = new Conversation(target, budget, runId);
  let verdict: Result['verdict'] = 'pass';
  let why = '';
  try {
    budget.require();
    await claim.run(talk);
  } catch (error) {
    verdict = error instanceof NotHere ? 'skipped' : 'fail';
    why = describe(error);
  }
  return { claim, verdict, why, left: await talk.close() };
}

/** Of an unexpected answer only status, type, code and request id: enough to look it up, and no message to rely on. */
function describe(error: unknown): string {
  if (error instanceof ClaimFailed || error instanceof NotHere) return error.message;
  if (!(error instanceof Stripe.errors.StripeError)) return String(error);
  const { statusCode, rawType, code, requestId } = error;
  return `unexpected ${statusCode ?? 'no reply'} ${rawType ?? ''} ${code ?? ''} (${requestId ?? 'no request id'})`;
}

/** Runs the given claims one after the other; `report` sees each result as it comes. */
export async function runAll(
  list: readonly Claim[],
  target: Target,
  report: (result: Result) => void,
): Promise<{ results: readonly Result[]; calls: number }> {
  const budget = new Budget(LIMITS);
  const runId = randomUUID();
  const results: Result[] = [];
  for (const claim of list) {
    const result = await runClaim(claim, target, budget, runId);
    results.push(result);
    report(result);
  }
  return { results, calls: budget.spentCalls };
}
