// One client that listens: an answer that is not finished. What it does not take is not kept for it.
import type { Response } from 'express';

import { endFrame, HEARTBEAT, retryFrame, STALE } from './frames';
import type { EndReason, State } from './frames';

/** Beyond what the kernel holds for it: some thirty states that it has not taken. */
const BUFFER_MAX_BYTES = 65_536;
/** Then it connects again, here or at another process. */
const AGE_MAX_MS = 30 * 60_000;

export class Listener {
  private readonly response: Response;
  private readonly onSlow: () => void;
  private openedAtMs: number | null = null;
  private sentId: string | null = null;

  /** @param onSlow told when it is dropped because it does not read. */
  constructor(response: Response, onSlow: () => void) {
    this.response = response;
    this.onSlow = onSlow;
  }

  /** The head of the answer, and the state as it is now. Before this, nothing is sent. */
  open(state: State, isStale: boolean): void {
    if (this.response.destroyed || this.openedAtMs !== null) return;
    this.openedAtMs = performance.now();
    this.response.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      // nginx would otherwise collect events until a buffer is full.
      'X-Accel-Buffering': 'no',
    });
    this.write(retryFrame());
    this.send(state);
    if (isStale) this.write(STALE);
  }

  /** A state it has already is not sent again, unless it `isRepeated`. Ends with the final one. */
  send(state: State, isRepeated = false): void {
    if (this.openedAtMs === null || (state.id === this.sentId && !isRepeated)) return;
    this.sentId = state.id;
    this.write(state.frame);
    if (state.isFinal) this.end('final');
  }

  tellStale(): void {
    if (this.openedAtMs !== null) this.write(STALE);
  }

  /** Keeps what is between from closing a quiet connection, and finds a lost one; ends one that has lasted long enough. */
  beat(): void {
    if (this.openedAtMs === null) return;
    this.write(HEARTBEAT);
    if (performance.now() - this.openedAtMs > AGE_MAX_MS) this.end('renew');
  }

  end(reason: EndReason): void {
    if (this.openedAtMs === null || !this.response.writable) return;
    this.write(endFrame(reason));
    this.response.end();
  }

  private write(frame: Buffer): void {
    if (!this.response.writable) return;
    if (this.response.writableLength > BUFFER_MAX_BYTES) {
      this.onSlow();
      this.response.destroy();
      return;
    }
    this.response.write(frame);
  }
}
