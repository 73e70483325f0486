// The ground the code stands on: durations are checked by the compiler, one protobufjs, exact versions.
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { plantTree, PROJECT, runTool } from './planted-tree';

interface Lockfile {
  packages: Record<string, { version?: string }>;
}

interface Manifest {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}

const readJson = (name: string): unknown => JSON.parse(readFileSync(path.join(PROJECT, name), 'utf8'));

describe('the type check', () => {
  test('refuses a misspelt Temporal duration and accepts a right one', async () => {
    const tree = plantTree({
      'workflows/wrong.ts': `import { sleep } from '@temporalio/workflow';\nexport const wait = () => sleep('5 minuts');\n`,
      'workflows/right.ts': `import { sleep } from '@temporalio/workflow';\nexport const wait = () => sleep('5 minutes');\n`,
    });
    try {
      const { code, stdout } = await runTool(tree, 'tsc', ['--noEmit', '--pretty', 'false']);
      expect(code).not.toBe(0);
      expect(stdout).toMatch(/workflows\/wrong\.ts.*5 minuts/);
      expect(stdout).not.toContain('right.ts');
    } finally {
      tree.remove();
    }
  }, 60_000);
});

describe('the dependencies', () => {
  test('hold exactly one protobufjs, or histories do not replay', () => {
    const { packages } = readJson('package-lock.json') as Lockfile;
    const copies = Object.keys(packages).filter((name) => name.endsWith('node_modules/protobufjs'));
    expect(copies).toEqual(['node_modules/protobufjs']);
  });

  test('are pinned to exact versions', () => {
    const { dependencies, devDependencies } = readJson('package.json') as Manifest;
    const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(
      ([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version),
    );
    expect(loose).toEqual([]);
  });

  test('name one version of the Temporal SDK', () => {
    const { dependencies, devDependencies } = readJson('package.json') as Manifest;
    const versions = Object.entries({ ...dependencies, ...devDependencies })
      .filter(([name]) => name.startsWith('@temporalio/'))
      .map(([, version]) => version);
    expect(new Set(versions).size).toBe(1);
  });

  test('of Node are what .npmrc enforces', () => {
    const settings = readFileSync(path.join(PROJECT, '.npmrc'), 'utf8').split('\n');
    expect(settings).toEqual(
      expect.arrayContaining([
        'omit-lockfile-registry-resolved=true',
        'save-exact=true',
        'engine-strict=true',
      ]),
    );
  });

  test('are locked without naming a registry', () => {
    expect(readFileSync(path.join(PROJECT, 'package-lock.json'), 'utf8')).not.toContain('"resolved": "http');
  });
});
