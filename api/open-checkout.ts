// From a request to the checkout's row: the row first, then the workflow, then the row again.
import type { CheckoutInput, FailureCode } from '../contracts/checkout';
import { isErrorCode } from '../contracts/errors';
import { readCheckout } from '../db/checkouts';
import type { CheckoutView } from '../db/checkouts';
import { checkoutToken } from '../platform/tokens';
import type { ApiDeps } from './deps';
import type { InFlightGate } from './in-flight';
import { isOutage, Problem } from './problems';
import { startSettlement } from './settlement';
import type { SoldOutCheck } from './sold-out';
import { startCheckout } from './start-checkout';

const PENDING_RETRY_AFTER_SECONDS = 2;

/** What stands before a start. */
export interface Entrance {
  gate: InFlightGate;
  soldOut: SoldOutCheck;
}

/**
 * The checkout of this request, opened now or earlier, whatever became of it since.
 * @throws Problem: idempotency_key_reused, the refusal's own code, busy, checkout_pending, checkout_not_opened; an outage
 *   as service_unavailable with id and token, because the start may have happened all the same.
 */
export async function openCheckout(
  deps: ApiDeps,
  entrance: Entrance,
  input: CheckoutInput,
): Promise<CheckoutView> {
  try {
    return await findOrStart(deps, entrance, input);
  } catch (err) {
    throw isOutage(err) ? new Problem('service_unavailable', pendingExtras(deps, input)) : err;
  }
}

async function findOrStart(
  deps: ApiDeps,
  { gate, soldOut }: Entrance,
  input: CheckoutInput,
): Promise<CheckoutView> {
  // Read before the row, and weighed after it: whoever holds the last unit under this key wrote its row before the counter
  // showed nothing left, so the row is found. The other way round, a winner could be told that all is sold.
  const soldOutRefusal = await soldOut.find(input.lines);
  const stored = await readCheckout(deps.pool, input.checkoutId);
  if (stored !== null) requireSameRequest(stored.requestFingerprint, input);
  if (stored !== null && stored.status !== 'opening') return requireOpened(stored);
  // Nothing is written and nothing bound: the same key may ask again, as a new one may.
  if (stored === null && soldOutRefusal !== null) throw soldOutRefusal;

  const result = await gate.run(() =>
    startCheckout(deps.temporalClient, input, deps.settings.openDeadlineMs),
  );
  switch (result.kind) {
    case 'answered':
      requireSameRequest(result.answer.requestFingerprint, input);
      return requireAnswered(deps, input, result.answer);
    case 'pending':
      if (result.runFingerprint !== null) requireSameRequest(result.runFingerprint, input);
      throw pending(deps, input);
    case 'ended':
      return afterEnd(deps, input);
  }
}

async function requireAnswered(
  deps: ApiDeps,
  input: CheckoutInput,
  answer: { outcome: 'opened' } | { outcome: 'refused'; failureCode: FailureCode },
): Promise<CheckoutView> {
  const row = await readCheckout(deps.pool, input.checkoutId);
  if (row !== null) return requireOpened(row);
  // A refusal without a row: the open never reached the database.
  if (answer.outcome === 'refused') throw refusal(answer.failureCode, null);
  throw new Error('The checkout was opened but has no row.');
}

/** The run is closed and its answer is not to be had: the row decides, and settlement finishes what is still open. */
async function afterEnd(deps: ApiDeps, input: CheckoutInput): Promise<CheckoutView> {
  const row = await readCheckout(deps.pool, input.checkoutId);
  if (row === null) throw new Problem('checkout_not_opened');
  requireSameRequest(row.requestFingerprint, input);
  if (row.status !== 'opening') return requireOpened(row);
  await startSettlement(deps.temporalClient, input.checkoutId);
  throw pending(deps, input);
}

function requireSameRequest(fingerprint: string, input: CheckoutInput): void {
  if (fingerprint !== input.requestFingerprint) throw new Problem('idempotency_key_reused');
}

/** A refused checkout answers its refusal again under the same key; any other was opened once. */
function requireOpened(row: CheckoutView): CheckoutView {
  if (row.status === 'refused') throw refusal(row.failureCode, row.failureDetail);
  return row;
}

function refusal(failureCode: FailureCode | null, detail: Readonly<Record<string, unknown>> | null): Problem {
  const code = failureCode !== null && isErrorCode(failureCode) ? failureCode : 'checkout_not_opened';
  return new Problem(code, detail === null ? {} : { extensions: detail });
}

function pending(deps: ApiDeps, input: CheckoutInput): Problem {
  return new Problem('checkout_pending', pendingExtras(deps, input));
}

function pendingExtras(deps: ApiDeps, { checkoutId }: CheckoutInput) {
  return {
    retryAfterSeconds: PENDING_RETRY_AFTER_SECONDS,
    extensions: {
      checkout_id: checkoutId,
      checkout_token: checkoutToken(deps.settings.checkoutTokenSecret, checkoutId),
    },
  };
}
