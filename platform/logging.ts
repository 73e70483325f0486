// One logger per process: JSON lines on stdout, constant messages with fields, secrets cut out by name.
import pino from 'pino';

/** Field names whose value never reaches a log line, at the top level or one level below. */
const SECRET_FIELDS = [
  'client_secret',
  'clientSecret',
  'authorization',
  'secret',
  'secretKey',
  'apiKey',
  'adminToken',
  'checkout_token',
  'checkoutToken',
  'checkoutTokenSecret',
  'webhookSecrets',
  'password',
  'connectionString',
];

/**
 * @param options.name names the process (`api`, `worker`) on every line; `level` is pino's.
 * @param destination where lines go; stdout unless a test wants to read them.
 */
export function createLogger(
  options: { name: string; level: string },
  destination?: pino.DestinationStream,
): pino.Logger {
  const settings: pino.LoggerOptions = {
    name: options.name,
    level: options.level,
    redact: { paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]), censor: '[redacted]' },
    serializers: { err: describeError },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  return destination === undefined ? pino(settings) : pino(settings, destination);
}

/**
 * An error as fields: class, code, message and stack, and no other property, because drivers and SDKs hang whole
 * requests, rows and headers on theirs.
 */
function describeError(err: unknown): unknown {
  if (!(err instanceof Error)) return err;
  const code = 'code' in err ? err.code : undefined;
  return {
    type: err.name,
    message: err.message,
    stack: err.stack,
    ...((typeof code === 'string' || typeof code === 'number') && { code }),
    ...(err.cause instanceof Error && { cause: { type: err.cause.name, message: err.cause.message } }),
  };
}
