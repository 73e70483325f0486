// Errors on their way to the client: thrown as Problem anywhere, mapped once to application/problem+json (RFC 9457).
import type { ErrorRequestHandler, Response } from 'express';

import { errorDefinition } from '../contracts/errors';
import type { ErrorCode } from '../contracts/errors';
import { isRetryableDatabaseError } from '../db/errors';
import { requestLog } from './request-log';
import { isTemporalOutage } from './temporal-errors';

/** One fault of a request: where it is (a path like `items[0].quantity`) and what is wrong there. */
export interface FieldFault {
  path: string;
  message: string;
}

export interface ProblemExtras {
  detail?: string;
  errors?: FieldFault[];
  retryAfterSeconds?: number;
  /** Members beside the standard ones, in snake case; they never replace a standard one. */
  extensions?: Readonly<Record<string, unknown>>;
}

/** A refusal with a code of the registry. What it says is for the client; it never carries an inner error's text. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ErrorCode;
  readonly extras: ProblemExtras;

  constructor(code: ErrorCode, extras: ProblemExtras = {}) {
    super(code);
    this.code = code;
    this.extras = extras;
  }
}

export function problemType(code: ErrorCode): string {
  return `urn:holdfast:problem:${code}`;
}

/** The document on the wire. Undefined members are left out by JSON itself. */
export function problemDocument({ code, extras }: Problem): Record<string, unknown> {
  const { status, title, sentence, retry } = errorDefinition(code);
  return {
    ...extras.extensions,
    type: problemType(code),
    title,
    status,
    code,
    error: sentence,
    retry,
    detail: extras.detail,
    errors: extras.errors,
  };
}

export function sendProblem(response: Response, problem: Problem): void {
  const { retryAfterSeconds } = problem.extras;
  if (retryAfterSeconds !== undefined) response.setHeader('Retry-After', String(retryAfterSeconds));
  response
    .status(errorDefinition(problem.code).status)
    .setHeader('Cache-Control', 'no-store')
    .type('application/problem+json')
    .send(JSON.stringify(problemDocument(problem)));
}

/** Express's last handler. Whatever is not a Problem is logged with its stack and answered without any of it. */
export const problemHandler: ErrorRequestHandler = (err: unknown, _request, response, next) => {
  const problem = toProblem(err);
  if (errorDefinition(problem.code).status >= 500 && !(err instanceof Problem)) {
    requestLog(response).error({ err }, 'request failed');
  }
  if (response.headersSent) {
    next(err);
    return;
  }
  // What is left of a refused body is not read to its end: the connection ends with the answer.
  if (problem.code === 'payload_too_large') response.setHeader('Connection', 'close');
  sendProblem(response, problem);
};

export function toProblem(err: unknown): Problem {
  if (err instanceof Problem) return err;
  if (isHttpError(err)) return httpProblem(err);
  if (isOutage(err)) return new Problem('service_unavailable', { retryAfterSeconds: 2 });
  return new Problem('internal_error');
}

/** Whether PostgreSQL or Temporal is away, as against a fault of ours. */
export function isOutage(err: unknown): boolean {
  return isRetryableDatabaseError(err) || isTemporalOutage(err);
}

/** What Express, its router and its body parsers throw: a status of HTTP on an Error. */
interface HttpError {
  status: number;
  type?: unknown;
}

function isHttpError(err: unknown): err is HttpError {
  return err instanceof Error && 'status' in err && typeof err.status === 'number';
}

function httpProblem({ status, type }: HttpError): Problem {
  if (status === 413) return new Problem('payload_too_large');
  if (status === 415) return new Problem('unsupported_media_type');
  if (status === 404) return new Problem('not_found');
  if (status >= 500) return new Problem('internal_error');
  const isUnparsable = type === 'entity.parse.failed';
  return new Problem('malformed_request', {
    detail: isUnparsable ? 'The body is not JSON.' : 'The request cannot be read.',
  });
}
