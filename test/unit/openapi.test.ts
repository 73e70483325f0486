// The API's description: committed as it is built, complete, and without a dangling reference.
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { openApiDocument } from '../../api/openapi';
import { COMMON_ERRORS, OPERATIONS } from '../../api/operations';
import type { Operation } from '../../api/operations';
import { ERRORS } from '../../contracts/errors';
import { PROJECT } from './planted-tree';

const document = JSON.parse(JSON.stringify(openApiDocument())) as {
  paths: Record<string, Record<string, { responses: Record<string, { description: string }> }>>;
  components: { schemas: Record<string, { type?: string; properties?: { code?: { enum: string[] } } }> };
};

describe('docs/openapi.json', () => {
  test('is what the code builds (npm run generate)', () => {
    expect(JSON.parse(readFileSync(path.join(PROJECT, 'docs/openapi.json'), 'utf8'))).toEqual(document);
  });

  test('describes every operation with each of its answers and errors', () => {
    for (const operation of Object.values(OPERATIONS) as Operation[]) {
      const described = document.paths[operation.path]?.[operation.method];
      const statuses = Object.keys(described?.responses ?? {});
      expect(statuses).toEqual(expect.arrayContaining(Object.keys(operation.answers)));
      for (const code of [...operation.errors, ...COMMON_ERRORS]) {
        if (ERRORS[code].status in operation.answers) continue;
        expect(described?.responses[String(ERRORS[code].status)]?.description).toContain(`\`${code}\``);
      }
    }
  });

  test('lists exactly the registry of errors', () => {
    expect(document.components.schemas['Problem']?.properties?.code?.enum).toEqual(Object.keys(ERRORS));
  });

  test('describes every object it names', () => {
    for (const schema of Object.values(document.components.schemas)) {
      expect(schema.type).toBe('object');
      expect(Object.keys(schema.properties ?? {})).not.toEqual([]);
    }
  });

  test('refers to nothing that is not there', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)];
    expect(references.length).toBeGreaterThan(0);
    for (const [, name] of references) expect(Object.keys(document.components.schemas)).toContain(name);
  });
});
