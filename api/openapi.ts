// The API's description, built from the same table and schemas that the router and the validation use.
import { z } from 'zod';

import { ERRORS } from '../contracts/errors';
import type { ErrorCode, ErrorDefinition } from '../contracts/errors';
import { COMMON_ERRORS, OPERATIONS } from './operations';
import type { Operation, OperationId } from './operations';

type Json = Record<string, unknown>;

/** The OpenAPI 3.1 document; the same for every installation, so that it can be committed and compared. */
export function openApiDocument(): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Holdfast',
      version: '1',
      description: 'Checkout of limited drops. Amounts are in minor units. Errors are RFC 9457 problems.',
    },
    paths: paths(),
    components: {
      schemas: { ...namedSchemas(), Problem: problemSchema() },
      securitySchemes: {
        checkout_token: {
          type: 'http',
          scheme: 'bearer',
          description: 'The checkout_token of exactly this checkout.',
        },
        admin_token: { type: 'http', scheme: 'bearer', description: 'The administrator’s token.' },
      },
    },
  };
}

function paths(): Json {
  const byPath: Record<string, Json> = {};
  for (const [id, operation] of Object.entries(OPERATIONS) as [OperationId, Operation][]) {
    (byPath[operation.path] ??= {})[operation.method] = describeOperation(id, operation);
  }
  return byPath;
}

function describeOperation(id: OperationId, operation: Operation): Json {
  return {
    operationId: id,
    summary: operation.summary,
    ...(operation.auth !== undefined && { security: [{ [operation.auth]: [] }] }),
    ...parametersOf(operation),
    ...(operation.body !== undefined && {
      requestBody: { required: true, content: { 'application/json': { schema: referTo(operation.body) } } },
    }),
    responses: { ...answersOf(operation), ...problemsOf(operation) },
  };
}

function parametersOf({ path, query, idempotencyKey }: Operation): Json {
  const parameters: Json[] = [];
  if (path.includes('{id}')) {
    parameters.push({ name: 'id', in: 'path', required: true, schema: { type: 'string', format: 'uuid' } });
  }
  if (idempotencyKey !== undefined) {
    const { description, ...schema } = jsonSchema(idempotencyKey);
    parameters.push({ name: 'Idempotency-Key', in: 'header', required: true, description, schema });
  }
  for (const [name, member] of Object.entries(query?.shape ?? {})) {
    const { description, ...schema } = jsonSchema(member as z.ZodType);
    parameters.push({ name, in: 'query', required: false, description, schema });
  }
  return parameters.length > 0 ? { parameters } : {};
}

function answersOf({ answers, events }: Operation): Json {
  const [description, type] =
    events === undefined ? ['The answer.', 'application/json'] : [streamOf(events), 'text/event-stream'];
  return Object.fromEntries(
    Object.entries(answers).map(([status, schema]) => [
      status,
      { description, content: { [type]: { schema: referTo(schema) } } },
    ]),
  );
}

function streamOf(events: string): string {
  return [
    `Server-sent events. The data of each \`${events}\` event is the object below; its \`id\` names the state: the same id, the same state.`,
    'The current state is sent at once, so a client that was cut off just connects again; its `Last-Event-ID` is not needed.',
    '`stale`: the state cannot be read at this moment; the next state says that it can again.',
    '`end` with `{"reason"}`: `final` (nothing more will come), `renew` or `shutdown` (connect again after the `retry` time).',
  ].join('\n');
}

/** Problems by status: each names its codes, with what they mean to the buyer. */
function problemsOf(operation: Operation): Json {
  const codes = [...new Set<ErrorCode>([...operation.errors, ...COMMON_ERRORS])];
  const byStatus: Record<string, ErrorCode[]> = {};
  for (const code of codes) (byStatus[String(ERRORS[code].status)] ??= []).push(code);
  return Object.fromEntries(
    Object.entries(byStatus)
      .filter(([status]) => !(Number(status) in operation.answers))
      .map(([status, statusCodes]) => [
        status,
        {
          description: statusCodes.map((code) => `\`${code}\`: ${ERRORS[code].sentence}`).join('\n'),
          content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
        },
      ]),
  );
}

function problemSchema(): Json {
  const definitions: readonly ErrorDefinition[] = Object.values(ERRORS);
  return {
    type: 'object',
    required: ['type', 'title', 'status', 'code', 'error', 'retry'],
    properties: {
      type: { type: 'string', format: 'uri' },
      title: { type: 'string' },
      status: { type: 'integer' },
      code: { type: 'string', enum: Object.keys(ERRORS) },
      error: { type: 'string', description: 'The plain sentence for the buyer.' },
      retry: {
        type: 'string',
        enum: [...new Set(definitions.map((definition) => definition.retry))].sort(),
        description:
          'same_key: unknown or never begun; new_key: final under this key; no: repeating does not help.',
      },
      detail: { type: 'string' },
      errors: {
        type: 'array',
        items: { type: 'object', properties: { path: { type: 'string' }, message: { type: 'string' } } },
      },
    },
    additionalProperties: true,
  };
}

function namedSchemas(): Json {
  const schemas = new Map<string, Json>();
  for (const operation of Object.values(OPERATIONS) as Operation[]) {
    for (const schema of [operation.body, ...Object.values(operation.answers)]) {
      if (schema !== undefined) schemas.set(nameOf(schema), jsonSchema(schema));
    }
  }
  return Object.fromEntries([...schemas].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function referTo(schema: z.ZodType): Json {
  return { $ref: `#/components/schemas/${nameOf(schema)}` };
}

function nameOf(schema: z.ZodType): string {
  const title = schema.meta()?.title;
  if (title === undefined) throw new Error('A schema on the wire has no name.');
  return title;
}

/** Input side: what a client sends; nothing that is answered is transformed. Nested schemas are written out. */
function jsonSchema(schema: z.ZodType): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io: 'input', reused: 'inline' });
  return rest;
}
