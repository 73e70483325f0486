// Idempotency keys (https://docs.stripe.com/api/idempotent_requests): what is kept, what is replayed, what is refused.

import { createHash } from 'node:crypto';
import type { Clock } from './clock';
import type { Audience, Outcome } from './context';
import { StripeApiError } from './errors';
import { canonicalForm } from './form';
import type { Form } from './form';
import type { IdempotencyRecord, Settings } from './records';
import type { Store } from './store';

const KEY_CHARACTERS_MAX = 255;
/** Stripe keeps keys at least this long and may forget them afterwards; the simulator forgets at once. */
const KEPT_SECONDS = 86_400;

export interface KeyedRequest {
  readonly key: string;
  readonly id: string;
  readonly path: string;
  readonly paramsHash: string;
}

export function keyedRequest(audience: Audience, key: string, path: string, form: Form): KeyedRequest {
  if (key.length === 0 || key.length > KEY_CHARACTERS_MAX) {
    throw new StripeApiError(400, {
      type: 'idempotency_error',
      message: `Idempotency keys must have between 1 and ${KEY_CHARACTERS_MAX} characters.`,
    });
  }
  const paramsHash = createHash('sha256').update(canonicalForm(form)).digest('base64url');
  return { key, id: `${audience}:${key}`, path, paramsHash };
}

/** The stored answer for this very request. Throws 400 `idempotency_error` when the key was used for another one. */
export function findStored(store: Store, clock: Clock, request: KeyedRequest): IdempotencyRecord | undefined {
  const stored = store.get('idempotency_keys', request.id);
  if (!stored || isExpired(stored, clock)) return undefined;
  if (stored.path !== request.path) {
    throw mismatch(
      `Keys for idempotent requests can only be used for the same endpoint they were first used for ('${stored.path}' vs '${request.path}'). Try using a key other than '${request.key}' if you meant to execute a different request.`,
    );
  }
  if (stored.paramsHash !== request.paramsHash) {
    throw mismatch(
      `Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '${request.key}' if you meant to execute a different request.`,
    );
  }
  return stored;
}

/** Keeps an answer, in the transaction that made it. */
export function storeAnswer(
  store: Store,
  clock: Clock,
  request: KeyedRequest,
  requestId: string,
  outcome: Outcome,
): void {
  store.put('idempotency_keys', {
    id: request.id,
    path: request.path,
    paramsHash: request.paramsHash,
    status: outcome.status,
    body: JSON.stringify(outcome.body),
    requestId,
    createdSeconds: clock.nowSeconds(),
  });
}

export function inFlightError(key: string, type: Settings['conflict_type']): StripeApiError {
  return new StripeApiError(409, {
    type,
    code: 'idempotency_key_in_use',
    message: `There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through): ${key}. Please try again later.`,
  });
}

/** Removes what is older than a day on the simulator's clock; call inside a transaction. */
export function pruneKeys(store: Store, clock: Clock): void {
  for (const record of store.all('idempotency_keys')) {
    // In order of creation, so the first young one ends the search.
    if (!isExpired(record, clock)) return;
    store.remove('idempotency_keys', record.id);
  }
}

function isExpired(record: IdempotencyRecord, clock: Clock): boolean {
  return clock.nowSeconds() - record.createdSeconds >= KEPT_SECONDS;
}

function mismatch(message: string): StripeApiError {
  return new StripeApiError(400, { type: 'idempotency_error', message });
}
