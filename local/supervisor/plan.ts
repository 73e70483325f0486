// From the configuration to what this machine must run itself: ports, addresses and the environment of each part.
import { resolve } from 'node:path';
import type { Config } from '../../platform/config';
import { choosePort } from '../processes/ports';

export interface Plan {
  config: Config;
  dataDir: string;
  apiPort: number;
  workerMetricsPort: number;
  apiMetricsPort: number;
  simulatorPort: number;
  /** False where the configuration names a real one. */
  runs: { postgres: boolean; temporal: boolean; simulator: boolean };
}

/** The simulator knows these keys and no others. */
export const SIMULATOR_SECRET_KEY = 'sk_test_simulator';
export const SIMULATOR_PUBLISHABLE_KEY = 'pk_test_simulator';

/** Where the data folder of this configuration is; a relative one is in the project. */
export function dataFolderPath(config: Config, root: string): string {
  return resolve(root, config.dataDir);
}

/** Chooses every port before anything starts. @throws SetupError naming the port that is taken and its variable */
export async function makePlan(config: Config, root: string): Promise<Plan> {
  const runs = {
    postgres: config.database.url === undefined,
    temporal: config.temporal.address === undefined,
    simulator: config.stripe.secretKey === undefined && config.stripe.apiBase === undefined,
  };
  return {
    config,
    runs,
    dataDir: dataFolderPath(config, root),
    apiPort: await choosePort(config.api.port, 'API_PORT'),
    workerMetricsPort: await choosePort(config.metrics.workerPort, 'METRICS_PORT'),
    apiMetricsPort: await choosePort(config.metrics.apiPort, 'METRICS_PORT (the API uses the one above)'),
    simulatorPort: runs.simulator
      ? await choosePort(config.ports.stripeSimulator, 'STRIPE_SIMULATOR_PORT')
      : config.ports.stripeSimulator,
  };
}

/** Where to reach something that listens on `host` from this machine. */
export function localUrl(host: string, port: number): string {
  const isAny = host === '0.0.0.0' || host === '::';
  const name = isAny ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${port}`;
}
