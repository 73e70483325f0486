// The Temporal server of one test file: the one that skips time, or the real one.
import { TestWorkflowEnvironment } from '@temporalio/testing';

import { SEARCH_ATTRIBUTES } from '../../contracts/messages';
import { ensureSearchAttributes } from '../../platform/temporal';

export type TemporalServer = 'time-skipping' | 'dev-server';

/** A Temporal server of the caller's own, with the product's search attributes. `teardown()` ends it. */
export async function openEnvironment(server: TemporalServer): Promise<TestWorkflowEnvironment> {
  const env = await startEnvironment(server);
  const namespace = env.namespace ?? 'default';
  if (server === 'dev-server') await ensureSearchAttributes(env.connection, namespace, SEARCH_ATTRIBUTES);
  else await registerSearchAttributes(env, namespace);
  return env;
}

const STARTS_MAX = 6;

/** The SDK gives a server five seconds and no more, which a busy machine may miss: it is then started again. */
async function startEnvironment(server: TemporalServer): Promise<TestWorkflowEnvironment> {
  for (let start = 1; ; start += 1) {
    try {
      if (server === 'time-skipping') {
        const path = requireEnv('HOLDFAST_TEST_TIME_SKIPPING_PATH');
        return await TestWorkflowEnvironment.createTimeSkipping({
          server: { executable: { type: 'existing-path', path } },
        });
      }
      const path = requireEnv('TEMPORAL_CLI_PATH');
      return await TestWorkflowEnvironment.createLocal({
        server: { executable: { type: 'existing-path', path }, extraArgs: ['--log-level', 'never'] },
      });
    } catch (error) {
      // Thrown by native code: no `instanceof` of this realm.
      const isLate = /did not start within/.test(String(error));
      if (!isLate || start === STARTS_MAX) throw error;
    }
  }
}

/** The time-skipping server takes registrations and lists nothing, so they are not waited for. */
async function registerSearchAttributes(env: TestWorkflowEnvironment, namespace: string): Promise<void> {
  const types = { TEXT: 1, KEYWORD: 2, INT: 3, DOUBLE: 4, BOOL: 5, DATETIME: 6, KEYWORD_LIST: 7 } as const;
  await env.connection.operatorService.addSearchAttributes({
    namespace,
    searchAttributes: Object.fromEntries(SEARCH_ATTRIBUTES.map((key) => [key.name, types[key.type]])),
  });
}

/** What the project's set-up has found or started. @throws when the test runs outside its project. */
export function requireEnv(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: does this test's project start its servers?`);
  return value;
}
