// Ends a process in the reverse order of its start, within a time limit, whatever asks for it.
import type { Logger } from 'pino';

export interface ShutdownOptions {
  logger: Logger;
  /** For all steps together; a process that is not done by then exits with 1. */
  timeoutMs: number;
  /** Leaves the process; tests pass their own. */
  exit?: (code: number) => void;
}

export interface Shutdown {
  /** Registers what undoes a step of the start. The last registered runs first. */
  onStop(name: string, fn: () => unknown): void;
  /** Runs every step once; later calls wait for the first. Rejects with the first step's error, after all have run. */
  stop(reason: string): Promise<void>;
  /** Stops, then leaves the process, on SIGTERM, SIGINT, or the end of the IPC channel to the supervisor. */
  listen(): void;
}

export function createShutdown(options: ShutdownOptions): Shutdown {
  const { logger, timeoutMs } = options;
  const exit = options.exit ?? ((code: number) => process.exit(code));
  const steps: { name: string; fn: () => unknown }[] = [];
  let running: Promise<void> | undefined;

  const stop = (reason: string): Promise<void> => {
    running ??= runSteps(reason);
    return running;
  };

  const runSteps = async (reason: string): Promise<void> => {
    logger.info({ reason }, 'stopping');
    const errors: unknown[] = [];
    for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
      try {
        await step.fn();
      } catch (err) {
        logger.error({ err, step: step.name }, 'a step of the shutdown failed');
        errors.push(err);
      }
    }
    logger.info({ reason }, 'stopped');
    if (errors.length > 0) throw errors[0];
  };

  const leave = (reason: string): void => {
    const timer = setTimeout(() => {
      logger.error({ reason, timeout_ms: timeoutMs }, 'shutdown took too long');
      exit(1);
    }, timeoutMs);
    stop(reason)
      .then(
        () => exit(0),
        () => exit(1),
      )
      .finally(() => clearTimeout(timer));
  };

  return {
    onStop: (name, fn) => steps.push({ name, fn }),
    stop,
    listen: () => {
      process.once('SIGTERM', () => leave('SIGTERM'));
      process.once('SIGINT', () => leave('SIGINT'));
      // `connected` is undefined without an IPC channel, false once the supervisor is gone.
      if (process.connected === false) leave('disconnect');
      else process.once('disconnect', () => leave('disconnect'));
    },
  };
}
