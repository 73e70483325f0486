// The first thing worker and API do: read their configuration, or say in plain lines what is wrong with it and leave.
import { ConfigError, loadConfig, requireProcessConfig } from './config';
import type { ProcessConfig } from './config';

/** Ends the process with 1 and one line per fault on stderr when the environment is not complete and valid. */
export function readProcessConfig(): ProcessConfig {
  try {
    return requireProcessConfig(loadConfig());
  } catch (err) {
    if (!(err instanceof ConfigError)) throw err;
    process.stderr.write(`${err.message}\n`);
    process.exit(1);
  }
}
