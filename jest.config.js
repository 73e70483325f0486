// The test projects. Each names the servers its files need (test/support/setup/<name>.ts); `npm test` runs all of them,
// `npx jest --selectProjects db` one. Files run in parallel: every file has its own database and task queue.
'use strict';

const TIMEOUT_MS = 60_000;

/** `servers`: the setup file in test/support/setup that starts what the project needs, or null for none. */
function project(displayName, servers) {
  return {
    displayName,
    rootDir: __dirname,
    roots: ['<rootDir>/test'],
    testMatch: [`<rootDir>/test/${displayName}/**/*.test.ts`],
    testEnvironment: 'node',
    runner: '<rootDir>/test/support/jest/two-lanes.js',
    testTimeout: TIMEOUT_MS,
    transform: {
      '^.+\\.ts$': [
        '@swc/jest',
        { jsc: { parser: { syntax: 'typescript' }, target: 'es2023' }, module: { type: 'commonjs' } },
      ],
    },
    ...(servers && {
      globalSetup: `<rootDir>/test/support/setup/${servers}.ts`,
      globalTeardown: '<rootDir>/test/support/global-teardown.ts',
    }),
  };
}

module.exports = {
  maxWorkers: 2,
  testTimeout: TIMEOUT_MS,
  projects: [
    project('unit', null),
    project('search', null),
    project('simulator', null),
    project('db', 'database'),
    project('workflow', 'all'),
    project('api', 'all'),
    project('local', 'executables'),
    project('e2e', 'executables'),
  ],
};
