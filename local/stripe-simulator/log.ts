// The few logging methods the simulator uses; a pino logger fits.

import { redactFields } from './redact';

export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A log that writes down no card number and no key, whoever put one into a message. */
export function redactingLog(log: Log): Log {
  return {
    info: (fields, message) => log.info(redactFields(fields), message),
    warn: (fields, message) => log.warn(redactFields(fields), message),
    error: (fields, message) => log.error(redactFields(fields), message),
  };
}

export const SILENT: Log = { info() {}, warn() {}, error() {} };
