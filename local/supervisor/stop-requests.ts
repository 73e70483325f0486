// Who may ask the stack to stop: a signal, or the death of the process that started it.

export interface StopRequest {
  /** Resolves with the reason, once. */
  requested: Promise<string>;
  close(): void;
}

const PARENT_POLL_MS = 1_000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Listens for signals, and watches the parent: npm killed by -9 passes nothing on, and the stack would live on unseen. A stack
 * that was started without a parent to lose (by init, or detached) is not bound to one.
 * @param parentPid the parent at the very start of the process
 * @param onRepeat called when a stop is asked for again while one is under way
 */
export function listenForStop(parentPid: number, onRepeat: () => void): StopRequest {
  let resolveRequest: (reason: string) => void = () => {};
  const requested = new Promise<string>((resolve) => (resolveRequest = resolve));
  let isRequested = false;
  const request = (reason: string) => {
    if (isRequested) onRepeat();
    isRequested = true;
    resolveRequest(reason);
  };
  const listeners = SIGNALS.map((signal) => {
    const listener = () => request(signal);
    process.on(signal, listener);
    return { signal, listener };
  });
  const poll = setInterval(() => {
    if (parentPid <= 1 || process.ppid === parentPid) return;
    clearInterval(poll);
    request('the process that started it is gone');
  }, PARENT_POLL_MS);
  return {
    requested,
    close() {
      clearInterval(poll);
      for (const { signal, listener } of listeners) process.removeListener(signal, listener);
    },
  };
}
