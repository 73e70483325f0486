// Server-sent events on the wire (https://html.spec.whatwg.org/multipage/server-sent-events.html).
import { createHash } from 'node:crypto';

/** What everybody who listens to one thing is sent about it. */
export interface State {
  /** The same id is the same state: a client that has it already can see so. */
  id: string;
  frame: Buffer;
  /** Nothing more will come: the stream ends after it. */
  isFinal: boolean;
}

/** Why a stream ended. After `renew` and `shutdown` the client connects again; `final` is the end. */
export type EndReason = 'final' | 'renew' | 'shutdown';

export const HEARTBEAT = Buffer.from(': heartbeat\n\n');
/** Nothing could be read for some seconds. The next state, changed or not, says that this is over. */
export const STALE = event('stale', {});

export function endFrame(reason: EndReason): Buffer {
  return event('end', { reason });
}

/** How long the client waits before it connects again; drawn, so that a lost process's listeners do not return at once. */
export function retryFrame(): Buffer {
  return Buffer.from(`retry: ${1_000 + Math.round(Math.random() * 2_000)}\n\n`);
}

/** @param identity what makes two states the same: the data without what only passes with time. */
export function stateOf(name: string, data: unknown, identity: unknown, isFinal: boolean): State {
  const id = createHash('sha256').update(JSON.stringify(identity)).digest('base64url').slice(0, 16);
  return { id, frame: Buffer.concat([Buffer.from(`id: ${id}\n`), event(name, data)]), isFinal };
}

/** JSON has no line breaks, so it is one `data` line. */
function event(name: string, data: unknown): Buffer {
  return Buffer.from(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
}
