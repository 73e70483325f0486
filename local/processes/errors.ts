// The error a person at the terminal is meant to read: its message is one clear line, printed without a stack.

/** Something that set-up or a start cannot do; `message` says what and what to do about it. */
export class SetupError extends Error {
  override name = 'SetupError';
}

/** The code of a Node system error (`ENOENT`, `EADDRINUSE`, ...), or undefined. */
export function systemErrorCode(error: unknown): string | undefined {
  // By shape: under a test runner Node's own errors come from another realm, where `instanceof` does not hold.
  const isObject = typeof error === 'object' && error !== null;
  return isObject && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** What to print for any error: one line for those a person can act on, the whole stack for the rest. */
export function readableError(error: unknown): string {
  if (error instanceof SetupError) return error.message;
  const code = systemErrorCode(error);
  if (code === 'ENOSPC') return 'The disk is full. Free some space, then run the same command again.';
  if ((code === 'EACCES' || code === 'EROFS') && error instanceof Error)
    return `No write access: ${error.message}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
