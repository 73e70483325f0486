// How a statement is sent: one round trip, rows typed by the caller, errors of our own functions made readable.
import type { QueryResult, QueryResultRow } from 'pg';

import { toDatabaseError } from './errors';

/** Something that takes a statement: a pool, or a client inside `withTransaction`. */
export interface Db {
  query<R extends QueryResultRow>(text: string, values?: unknown[]): Promise<QueryResult<R>>;
}

/**
 * Runs one statement and returns its rows. The type is the caller's promise about the columns.
 * @throws RefusedByDatabaseError for SQLSTATEs of class HF; everything else as the driver throws it.
 */
export async function queryRows<R extends QueryResultRow>(
  db: Db,
  text: string,
  values: unknown[],
): Promise<R[]> {
  try {
    const result = await db.query<R>(text, values);
    return result.rows;
  } catch (err) {
    throw toDatabaseError(err);
  }
}

/** As `queryRows`, for statements that answer with one row or none. */
export async function queryMaybeOne<R extends QueryResultRow>(
  db: Db,
  text: string,
  values: unknown[],
): Promise<R | null> {
  const rows = await queryRows<R>(db, text, values);
  if (rows.length > 1) throw new Error(`expected at most one row, got ${rows.length}`);
  return rows[0] ?? null;
}

/** As `queryRows`, for statements that always answer with one row. */
export async function queryOne<R extends QueryResultRow>(
  db: Db,
  text: string,
  values: unknown[],
): Promise<R> {
  const row = await queryMaybeOne<R>(db, text, values);
  if (row === null) throw new Error('expected one row, got none');
  return row;
}

/** A bigint column, which the driver hands over as text: an amount in minor units or whole seconds. */
export function toInteger(value: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new Error('a bigint column is beyond the safe integers');
  return number;
}
