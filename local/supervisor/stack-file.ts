// `stack.json`: where the running stack is, for whoever wants to use it. There only while every URL in it answers.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeAtOnce } from './data-folder';
import type { Secrets } from './secrets';
import type { PartName, Stack } from './stack';

/** Names and shape are a contract (docs/operations.md). Null: not run by this stack, or down at this moment. */
export interface StackFile {
  api: string;
  storefront: string | null;
  admin: string | null;
  temporal_address: string;
  temporal_ui: string | null;
  stripe_simulator: string | null;
  /** With its password: the file's mode is 0600. */
  database_url: string;
  publishable_key: string;
  admin_token: string;
  pids: { supervisor: number } & Record<PartName, number | null>;
}

export function describeStack(stack: Stack, secrets: Secrets): StackFile {
  const pid = (name: PartName) => stack.parts.get(name)?.pid() ?? null;
  return {
    api: stack.urls.api,
    storefront: null,
    admin: null,
    temporal_address: stack.urls.temporalAddress,
    temporal_ui: stack.urls.temporalUi,
    stripe_simulator: stack.urls.simulator,
    database_url: stack.urls.database,
    publishable_key: stack.publishableKey,
    admin_token: secrets.adminToken,
    pids: {
      supervisor: process.pid,
      api: pid('api'),
      worker: pid('worker'),
      temporal: pid('temporal'),
      postgres: pid('postgres'),
      stripe_simulator: pid('stripe_simulator'),
    },
  };
}

export function stackFilePath(dataDir: string): string {
  return join(dataDir, 'stack.json');
}

export function writeStackFile(dataDir: string, content: StackFile): void {
  writeAtOnce(stackFilePath(dataDir), content);
}

export function removeStackFile(dataDir: string): void {
  rmSync(stackFilePath(dataDir), { force: true });
}
