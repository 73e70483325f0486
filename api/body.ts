// Request bodies: bounded, plain JSON in UTF-8, and checked against a schema before anything else happens.
import express from 'express';
import type { Request, RequestHandler } from 'express';
import type { z } from 'zod';

import { Problem } from './problems';
import type { FieldFault } from './problems';

const JSON_LIMIT = '64kb';
const RAW_LIMIT = '256kb';
const FAULTS_MAX = 20;

/** JSON objects and arrays only. Compressed bodies are refused: their real size is not known before they are read. */
export const jsonBody: RequestHandler = express.json({
  limit: JSON_LIMIT,
  inflate: false,
  strict: true,
  reviver: refuseProto,
});

/** The webhook's bytes as they came, because the signature is over them. */
export const rawBody: RequestHandler = express.raw({ limit: RAW_LIMIT, inflate: false, type: () => true });

function refuseProto(key: string, value: unknown): unknown {
  if (key === '__proto__') throw new SyntaxError('__proto__ is no member of any request.');
  return value;
}

/** @throws Problem: unsupported_media_type when the body is not JSON, malformed_request naming each fault. */
export function parseBody<Schema extends z.ZodType>(schema: Schema, request: Request): z.output<Schema> {
  const body: unknown = request.body;
  if (body === undefined && !request.is('application/json')) throw new Problem('unsupported_media_type');
  return parseInput(schema, body);
}

/** @throws Problem malformed_request naming each fault. */
export function parseInput<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new Problem('malformed_request', { errors: fieldFaults(parsed.error) });
}

function fieldFaults(error: z.ZodError): FieldFault[] {
  return error.issues
    .slice(0, FAULTS_MAX)
    .map((issue) => ({ path: pathOf(issue.path), message: issue.message }));
}

/** `['items', 0, 'quantity']` -> `items[0].quantity`; the body itself is the empty path. */
function pathOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
}
