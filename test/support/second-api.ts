// One more API process beside the one of a running stack: same database, same Temporal, same secrets, a port of its own.
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';

import { readSecrets } from '../../local/supervisor/secrets';
import type { Stack } from './stack';
import { until } from './until';

export interface SecondApi {
  url: string;
  /** SIGTERM; resolves when it has ended. */
  stop(): Promise<void>;
}

export async function startSecondApi(
  stack: Stack,
  dataDir: string,
  webhookSecret: string,
): Promise<SecondApi> {
  const file = stack.file();
  const secrets = readSecrets(dataDir, {});
  const child = spawn(process.execPath, ['--import', 'tsx', 'api/main.ts'], {
    cwd: resolve(__dirname, '../..'),
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    env: {
      ...process.env,
      DATABASE_URL: file.database_url,
      TEMPORAL_ADDRESS: file.temporal_address,
      STRIPE_SECRET_KEY: 'sk_test_simulator',
      STRIPE_PUBLISHABLE_KEY: file.publishable_key,
      STRIPE_API_BASE: file.stripe_simulator,
      STRIPE_WEBHOOK_SECRETS: webhookSecret,
      CHECKOUT_TOKEN_SECRET: secrets.checkoutTokenSecret,
      ADMIN_TOKEN: secrets.adminToken,
      API_PORT: '0',
      METRICS_PORT: '0',
    },
  });
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const port = await until('the second API to be ready', () => {
    if (child.exitCode !== null) throw new Error(output);
    return Promise.resolve(/"port":(\d+).*"api ready"/.exec(output)?.[1]);
  });
  return {
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      child.kill('SIGTERM');
      await until('the second API to end', () =>
        Promise.resolve(child.exitCode !== null || child.signalCode !== null),
      );
    },
  };
}
