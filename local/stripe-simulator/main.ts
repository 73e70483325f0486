// The simulator as a process of its own: `node --import tsx local/stripe-simulator/main.ts`.
// Environment: STRIPE_SIMULATOR_PORT (12111; 0 = free port), STRIPE_SIMULATOR_DATA_DIR (none = memory only),
// STRIPE_SIMULATOR_SEED (same ids in every run; memory only), STRIPE_SIMULATOR_COMPACT_BYTES (for tests), LOG_LEVEL.

import pino from 'pino';
import { startSimulator } from './index';

const PORT_DEFAULT = 12_111;

async function main(): Promise<void> {
  const {
    STRIPE_SIMULATOR_PORT: port,
    STRIPE_SIMULATOR_DATA_DIR: dataDir,
    STRIPE_SIMULATOR_COMPACT_BYTES: compactBytes,
    STRIPE_SIMULATOR_SEED: seed,
    LOG_LEVEL: level,
  } = process.env;
  const log = pino({ name: 'stripe-simulator', level: level || 'info' });
  try {
    const simulator = await startSimulator({
      port: port ? Number(port) : PORT_DEFAULT,
      dataDir: dataDir || null,
      ...(seed && { seed }),
      ...(compactBytes && { compactBytesMin: Number(compactBytes) }),
      log,
    });
    stopWhenTold(() => simulator.close());
  } catch (error) {
    log.fatal({ err: error }, 'stripe simulator cannot start');
    process.exitCode = 1;
    // The channel to the supervisor would keep a process alive that has nothing to do.
    if (process.connected) process.disconnect();
  }
}

/** On a signal, or when the supervisor that spawned the process is gone: no orphan stays behind. */
function stopWhenTold(close: () => Promise<void>): void {
  let isStopping = false;
  const stop = () => {
    if (isStopping) return;
    isStopping = true;
    void close().finally(() => process.exit(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('disconnect', stop);
}

void main();
