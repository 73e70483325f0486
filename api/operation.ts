// What an operation of the API is: a row of the table that the router and docs/openapi.json are built from.
import type { z } from 'zod';

import type { ErrorCode } from '../contracts/errors';

export interface Operation {
  method: 'get' | 'post';
  /** OpenAPI's form; a parameter is always a UUID. */
  path: string;
  summary: string;
  auth?: 'checkout_token' | 'admin_token';
  /** The header's schema, where the operation takes the key. */
  idempotencyKey?: z.ZodType;
  query?: z.ZodObject;
  body?: z.ZodType;
  /** Answers by status, in the order of likelihood. */
  answers: Readonly<Record<number, z.ZodType>>;
  /** What it can refuse with, beside what every operation can (COMMON_ERRORS). */
  errors: readonly ErrorCode[];
  /** The answer is a stream of server-sent events of this name; the schema is that of each one's data. */
  events?: string;
}

export const BODY_ERRORS = [
  'malformed_request',
  'payload_too_large',
  'unsupported_media_type',
] as const satisfies readonly ErrorCode[];
