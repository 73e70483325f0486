// What the database can answer with instead of rows, and which of it is worth asking again.
import { DatabaseError } from 'pg';

/** SQLSTATEs raised by our own functions and triggers (class HF, unused by PostgreSQL). None is worth repeating. */
export const REFUSALS = {
  /** The transaction is not READ COMMITTED. */
  HF001: 'isolation_level',
  /** A bare inventory function was given an id that belongs to a checkout, or the reverse at bind. */
  HF002: 'belongs_to_checkout',
  /** A bare reserve for a PaymentIntent that already holds other items. */
  HF003: 'other_items_held',
  /** The checkout is bound to another PaymentIntent; `detail` is its id. */
  HF004: 'bound_to_other',
  /** A status move, or a change of a frozen column, that the life cycle does not have. */
  HF005: 'illegal_move',
  /** No such checkout or refund. */
  HF006: 'not_found',
  /** Confirm or release of a checkout that has no PaymentIntent. */
  HF007: 'not_bound',
  /** Confirm with a PaymentIntent that is not the bound one; `detail` is the bound one. */
  HF008: 'wrong_payment_intent',
  /** The checkout id was used with another request before. */
  HF009: 'other_request',
  /** Deleting a product or reservation whose units are held or sold. */
  HF010: 'units_in_use',
  /** A total below the units held and sold; `detail` is how many those are. */
  HF011: 'below_held_and_sold',
  /** A drop in a currency that nothing is sold in; `detail` is the currency. */
  HF012: 'currency_not_supported',
} as const;

export type RefusalReason = (typeof REFUSALS)[keyof typeof REFUSALS];

/** Our own SQL said no. Repeating the call gets the same answer. */
export class RefusedByDatabaseError extends Error {
  override readonly name = 'RefusedByDatabaseError';
  readonly reason: RefusalReason;
  /** The id the refusal is about, where the function names one. */
  readonly detail: string | null;

  constructor(reason: RefusalReason, message: string, detail: string | null, cause: unknown) {
    super(message, { cause });
    this.reason = reason;
    this.detail = detail;
  }
}

/** A bound of this process was reached before anything was sent. Repeating the call later is right. */
export class BusyError extends Error {
  override readonly name = 'BusyError';
}

/** The driver's error, or ours where the SQLSTATE is one of `REFUSALS`. */
export function toDatabaseError(err: unknown): unknown {
  if (!(err instanceof DatabaseError) || !isRefusalCode(err.code)) return err;
  return new RefusedByDatabaseError(REFUSALS[err.code], err.message, err.detail ?? null, err);
}

function isRefusalCode(code: string | undefined): code is keyof typeof REFUSALS {
  return code !== undefined && Object.hasOwn(REFUSALS, code);
}

/**
 * deadlock, serialization, lock timeout, statement timeout, too many connections; by class: 08 connection, 57P server going
 * down or not up yet, 58 and 53 the machine's own troubles (https://www.postgresql.org/docs/18/errcodes-appendix.html).
 */
const RETRYABLE_STATES = new Set(['40P01', '40001', '55P03', '57014']);
const RETRYABLE_CLASSES = ['08', '53', '57P', '58'];
const RETRYABLE_SOCKET_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EPIPE',
  'ETIMEDOUT',
]);
/** What pg and its pool throw without any code. */
const RETRYABLE_MESSAGES =
  /^(timeout exceeded when trying to connect|connection terminated|connection ended|connection not available|query read timeout|timeout expired)/i;

/** Whether the same call may succeed later. Its effect is unknown when the connection was lost, so it must be idempotent. */
export function isRetryableDatabaseError(err: unknown): boolean {
  // By shape, not by class: errors of Node's sockets may come from another realm (they do under jest).
  if (typeof err !== 'object' || err === null || err instanceof RefusedByDatabaseError) return false;
  if (err instanceof BusyError) return true;
  if ('errors' in err && Array.isArray(err.errors)) return err.errors.some(isRetryableDatabaseError);
  const code = 'code' in err && typeof err.code === 'string' ? err.code : '';
  if (err instanceof DatabaseError) {
    return RETRYABLE_STATES.has(code) || RETRYABLE_CLASSES.some((prefix) => code.startsWith(prefix));
  }
  const message = 'message' in err && typeof err.message === 'string' ? err.message : '';
  return RETRYABLE_SOCKET_CODES.has(code) || RETRYABLE_MESSAGES.test(message);
}
