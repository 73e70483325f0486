// The import table, kept by the linter: one planted violation per forbidden arrow, one planted import per allowed one.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { lintTree, plantTree, PROJECT } from './planted-tree';
import type { Diagnostic, PlantedTree } from './planted-tree';

const FOLDERS = [
  'contracts',
  'workflows',
  'activities',
  'worker',
  'api',
  'db',
  'platform',
  'web',
  'local',
  'test',
  'bench',
] as const;
type Folder = (typeof FOLDERS)[number];

const VALUES: Readonly<Record<Folder, readonly Folder[]>> = {
  contracts: [],
  platform: [],
  workflows: ['contracts'],
  db: ['contracts'],
  activities: ['db', 'platform', 'contracts'],
  worker: ['activities', 'db', 'platform', 'contracts'],
  api: ['db', 'platform', 'contracts'],
  web: [],
  local: FOLDERS,
  test: FOLDERS,
  bench: FOLDERS,
};
const TYPES_ONLY: Partial<Record<Folder, readonly Folder[]>> = {
  workflows: ['activities'],
  api: ['workflows'],
};

interface Planted {
  file: string;
  text: string;
  isAllowed: boolean;
}

function arrows(): Planted[] {
  return FOLDERS.flatMap((from) =>
    FOLDERS.filter((to) => to !== from).flatMap((to): Planted[] => {
      const mayUseValues = VALUES[from].includes(to);
      const mayUseTypes = mayUseValues || (TYPES_ONLY[from]?.includes(to) ?? false);
      return [
        {
          file: `${from}/value_of_${to}.ts`,
          text: `import { word } from '../${to}/thing';\nexport const mine = word;\n`,
          isAllowed: mayUseValues,
        },
        {
          file: `${from}/deep/value_of_${to}.ts`,
          text: `import { word } from '../../${to}/thing';\nexport const mine = word;\n`,
          isAllowed: mayUseValues,
        },
        {
          file: `${from}/type_of_${to}.ts`,
          text: `import type { Word } from '../${to}/thing';\nexport type Mine = Word;\n`,
          isAllowed: mayUseTypes,
        },
      ];
    }),
  );
}

const IN_WORKFLOWS: readonly [name: string, from: string, isAllowed: boolean][] = [
  ['node_scheme', 'node:crypto', false],
  ['node_builtin', 'fs', false],
  ['database_driver', 'pg', false],
  ['stripe', 'stripe', false],
  ['sdk_client', '@temporalio/client', false],
  ['sdk_activity', '@temporalio/activity', false],
  ['fingerprint', '../contracts/fingerprint', false],
  ['sdk_workflow', '@temporalio/workflow', true],
  ['sdk_common', '@temporalio/common', true],
];

const IN_DECISIONS: readonly [name: string, from: string, isAllowed: boolean][] = [
  ['sdk_workflow', '@temporalio/workflow', false],
  ['temporal_messages', '../../contracts/messages', false],
  ['what_carries_out', '../steps', false],
  ['node_builtin', 'node:crypto', false],
  ['contracts', '../../contracts/thing', true],
];

const RULES: readonly [code: string, file: string, text: string][] = [
  ['typescript(no-floating-promises)', 'db/floating.ts', 'export function f() { Promise.resolve(1); }'],
  [
    'typescript(no-misused-promises)',
    'db/misused.ts',
    'export function f() { if (Promise.resolve(1)) return 2; }',
  ],
  ['typescript(await-thenable)', 'db/thenable.ts', 'export async function f() { await 1; }'],
  [
    'typescript(switch-exhaustiveness-check)',
    'db/exhaustive.ts',
    `export function f(x: 'a' | 'b') { switch (x) { case 'a': return 1; } }`,
  ],
  [
    'typescript(consistent-type-imports)',
    'db/type-import.ts',
    `import { Word } from './thing';\nexport type Mine = Word;\n`,
  ],
  ['typescript(no-explicit-any)', 'db/any.ts', 'export const f = (x: any) => x;'],
  ['import(no-cycle)', 'db/cycle-a.ts', `import { b } from './cycle-b';\nexport const a = b;`],
  ['eslint(no-console)', 'db/console.ts', `console.log('x');`],
  ['node(no-process-env)', 'api/env.ts', `export const home = process.env['HOME'];`],
  ['eslint(max-lines)', 'db/long.ts', 'export {};\n'.repeat(301)],
  [
    'eslint(max-lines-per-function)',
    'db/long-function.ts',
    `export function f() {\n${'  Math.max(1);\n'.repeat(71)}}`,
  ],
];

describe('the linter', () => {
  const planted = arrows();
  let tree: PlantedTree;
  let diagnostics: Diagnostic[];

  const codesOf = (file: string) =>
    diagnostics.filter((one) => one.filename.replaceAll('\\', '/').endsWith(file)).map((one) => one.code);

  beforeAll(async () => {
    const things = FOLDERS.map((folder) => [
      `${folder}/thing.ts`,
      `export const word = 1;\nexport type Word = number;\n`,
    ]);
    tree = plantTree({
      ...Object.fromEntries(things),
      'contracts/fingerprint.ts': 'export const word = 1;\n',
      'db/cycle-b.ts': `import { a } from './cycle-a';\nexport const b = a;`,
      'platform/config.ts': `export const home = process.env['HOME'];`,
      ...Object.fromEntries(planted.map(({ file, text }) => [file, text])),
      ...Object.fromEntries(RULES.map(([, file, text]) => [file, text])),
      'contracts/messages.ts': 'export const word = 1;\n',
      'workflows/steps.ts': 'export const word = 1;\n',
      ...Object.fromEntries(
        IN_DECISIONS.map(([name, from]) => [
          `workflows/decision/uses_${name}.ts`,
          `import * as all from '${from}';\nexport const mine = all;\n`,
        ]),
      ),
      ...Object.fromEntries(
        IN_WORKFLOWS.map(([name, from]) => [
          `workflows/uses_${name}.ts`,
          `import * as all from '${from}';\nexport const mine = all;\n`,
        ]),
      ),
    });
    diagnostics = await lintTree(tree, FOLDERS);
  }, 60_000);

  afterAll(() => tree.remove());

  const forbidden = planted.filter((one) => !one.isAllowed);
  const allowed = planted.filter((one) => one.isAllowed);

  test.each(forbidden)('refuses $file', ({ file }) => {
    expect(codesOf(file)).toContain('eslint(no-restricted-imports)');
  });

  test.each(allowed)('accepts $file', ({ file }) => {
    expect(codesOf(file)).toEqual([]);
  });

  test.each(IN_WORKFLOWS)('judges %s (%s) in workflows: allowed %s', (name, _from, isAllowed) => {
    const codes = codesOf(`workflows/uses_${name}.ts`);
    expect(codes.includes('eslint(no-restricted-imports)')).toBe(!isAllowed);
  });

  test.each(IN_DECISIONS)('judges %s (%s) in decisions: allowed %s', (name, _from, isAllowed) => {
    const codes = codesOf(`workflows/decision/uses_${name}.ts`);
    expect(codes.includes('eslint(no-restricted-imports)')).toBe(!isAllowed);
  });

  test.each(RULES)('reports %s', (code, file) => {
    expect(codesOf(file)).toContain(code);
  });

  test('lets platform/config.ts, and nobody else of the product, read the environment', () => {
    expect(codesOf('platform/config.ts')).toEqual([]);
  });
});

describe('what the linter cannot see', () => {
  test('no folder of the product loads ours by a dynamic import or require', () => {
    const layered = FOLDERS.filter((folder) => !['local', 'test', 'bench'].includes(folder));
    const offenders = layered.flatMap(sourcesOf).filter((file) => {
      const text = readFileSync(file, 'utf8');
      return /\b(import|require)\(\s*['"`]\.{1,2}\//.test(text);
    });
    expect(offenders).toEqual([]);
  });
});

function sourcesOf(folder: string): string[] {
  const root = path.join(PROJECT, folder);
  try {
    return readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.[cm]?[jt]s$/.test(name))
      .map((name) => path.join(root, name));
  } catch {
    return []; // A folder that does not exist yet.
  }
}
