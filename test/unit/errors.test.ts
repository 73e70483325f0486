// The error registry, the page that explains it and the documents on the wire say the same.
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { OPERATIONS } from '../../api/operations';
import type { Operation } from '../../api/operations';
import { COMMON_ERRORS } from '../../api/operations';
import { Problem, problemDocument, toProblem } from '../../api/problems';
import { ERRORS } from '../../contracts/errors';
import type { ErrorCode } from '../../contracts/errors';
import { PROJECT } from './planted-tree';

const CODES = Object.keys(ERRORS) as ErrorCode[];

describe('docs/errors.md', () => {
  const rows = readFileSync(path.join(PROJECT, 'docs/errors.md'), 'utf8')
    .split('\n')
    .map((line) => /^\| `(\w+)` +\| (\d{3}) +\| `(\w+)` +\| (.*?) +\|$/.exec(line))
    .filter((match) => match !== null)
    .map(([, code, status, retry, meaning]) => ({ code, status: Number(status), retry, meaning }));

  test('lists every code of the registry, and no other, with its status, retry and sentence', () => {
    expect(rows).toEqual(
      CODES.map((code) => ({
        code,
        status: ERRORS[code].status,
        retry: ERRORS[code].retry,
        meaning: ERRORS[code].sentence,
      })),
    );
  });
});

describe('the registry', () => {
  test('has no code that no operation can answer', () => {
    const used = new Set<ErrorCode>([
      ...COMMON_ERRORS,
      ...(Object.values(OPERATIONS) as Operation[]).flatMap((operation) => operation.errors),
    ]);
    expect(CODES.filter((code) => !used.has(code))).toEqual([]);
  });
});

describe('a problem on the wire', () => {
  test.each(CODES)('%s has every standard member', (code) => {
    expect(problemDocument(new Problem(code))).toMatchObject({
      type: `urn:holdfast:problem:${code}`,
      title: ERRORS[code].title,
      status: ERRORS[code].status,
      code,
      error: ERRORS[code].sentence,
      retry: ERRORS[code].retry,
    });
  });

  test('never lets an extension replace a standard member', () => {
    const problem = new Problem('not_found', { extensions: { status: 200, code: 'fine', available: 3 } });
    expect(problemDocument(problem)).toMatchObject({ status: 404, code: 'not_found', available: 3 });
  });
});

describe('toProblem', () => {
  const httpError = (status: number, type: string) =>
    Object.assign(new Error('inner'), { status, type, expose: true });

  test.each([
    [httpError(413, 'entity.too.large'), 'payload_too_large'],
    [httpError(415, 'encoding.unsupported'), 'unsupported_media_type'],
    [httpError(400, 'entity.parse.failed'), 'malformed_request'],
    [httpError(400, 'request.aborted'), 'malformed_request'],
    [Object.assign(new URIError('inner'), { status: 400 }), 'malformed_request'],
    [new Error('password=hunter2'), 'internal_error'],
    ['a string', 'internal_error'],
    [undefined, 'internal_error'],
  ])('maps %p to %s', (err, code) => {
    const problem = toProblem(err);
    expect(problem.code).toBe(code);
    expect(JSON.stringify(problemDocument(problem))).not.toMatch(/inner|hunter2/);
  });
});
