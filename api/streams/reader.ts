// The one reader of a kind (checkouts, drops) in this process: a query a tick for everything that is watched, whoever and
// however many listen, and never two at once. Somebody who listens to something new is read for at once, together with all
// who came while the query before was under way.
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';

import type { Logger } from 'pino';

import { Problem } from '../problems';
import type { State } from './frames';
import type { Listener } from './listener';
import type { StreamMetrics } from './metrics';
import { deferred, within } from './waiting';
import type { Deferred } from './waiting';

/** One thing that is watched, as the query found it. */
export interface Reading {
  topicId: string;
  /** Handed back at the next query, which may then leave out what has not changed. */
  version: string;
  state: State;
}

export interface ReaderOptions {
  kind: 'checkout' | 'drop';
  tickMs: number;
  /** Listeners of one thing. */
  listenersMax: number;
  /** What has another version than the one given (null: whatever it is). Unknown things are left out. */
  read(watched: { topicId: string; version: string | null }[]): Promise<Reading[]>;
  logger: Logger;
  metrics: StreamMetrics;
}

interface Topic {
  topicId: string;
  version: string | null;
  state: State | null;
  listeners: Set<Listener>;
  /** Settled by the first reading: whether the thing exists. */
  first: Deferred<boolean>;
}

const HEARTBEAT_MS = 15_000;
/** Without a successful reading for so long, listeners are told that what they have may be old. */
const STALE_AFTER_MS = 3_000;
/** The answer to somebody new, while nothing can be read. */
const FIRST_READING_MAX_MS = 4_000;
/** So many listeners are written to before everything else in this process gets its turn. */
const FAN_OUT_STEP = 250;

export class Reader {
  private readonly options: ReaderOptions;
  private readonly topics = new Map<string, Topic>();
  private reading: Promise<void> | null = null;
  private timer: NodeJS.Timeout | null = null;
  private lastReadAtMs = 0;
  private lastBeatAtMs = 0;
  private isFailing = false;
  private isStale = false;
  private isClosed = false;

  constructor(options: ReaderOptions) {
    this.options = options;
  }

  /**
   * Sends the current state at once and every change from then on, until `leave`.
   * @returns false: there is no such thing, and nothing was sent.
   * @throws Problem `busy`, `service_unavailable`; what the first query throws.
   */
  async join(topicId: string, listener: Listener): Promise<boolean> {
    if (this.isClosed) throw stopping();
    const topic = this.topics.get(topicId) ?? this.addTopic(topicId);
    if (topic.listeners.size >= this.options.listenersMax)
      throw new Problem('busy', { retryAfterSeconds: 5 });
    topic.listeners.add(listener);
    this.start();
    if (!(await within(FIRST_READING_MAX_MS, topic.first.promise)) || topic.state === null) return false;
    if (this.isClosed) throw stopping(); // meanwhile
    listener.open(topic.state, this.isStale);
    return true;
  }

  /** Safe to call more than once, and before `join` has answered. */
  leave(topicId: string, listener: Listener): void {
    const topic = this.topics.get(topicId);
    if (topic?.listeners.delete(listener) === true && topic.listeners.size === 0) this.topics.delete(topicId);
    if (this.topics.size > 0 || this.timer === null) return;
    clearTimeout(this.timer);
    this.timer = null;
  }

  /** Ends every stream with its last frame. Nobody joins any more. */
  async close(): Promise<void> {
    this.isClosed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    for (const topic of this.topics.values()) {
      topic.first.reject(stopping());
      for (const listener of topic.listeners) listener.end('shutdown');
    }
    await Promise.race([this.reading, pause(STALE_AFTER_MS, undefined, { ref: false })]);
  }

  private addTopic(topicId: string): Topic {
    const first = deferred<boolean>();
    first.promise.catch(() => undefined); // everybody who waits for it may have left
    const topic: Topic = { topicId, version: null, state: null, listeners: new Set(), first };
    this.topics.set(topicId, topic);
    return topic;
  }

  private start(): void {
    if (this.timer === null) {
      this.lastReadAtMs = this.lastBeatAtMs = performance.now();
      this.isStale = false;
      this.timer = setTimeout(() => this.tick(), this.options.tickMs);
    }
    if (this.reading === null) this.readNew();
  }

  private tick(): void {
    this.timer = setTimeout(() => this.tick(), this.options.tickMs);
    if (this.reading === null && this.topics.size > 0) this.read([...this.topics.values()]);
    const now = performance.now();
    if (!this.isStale && now - this.lastReadAtMs > STALE_AFTER_MS) {
      this.isStale = true;
      for (const listener of this.listeners()) listener.tellStale();
    }
    if (now - this.lastBeatAtMs > HEARTBEAT_MS) {
      this.lastBeatAtMs = now;
      for (const listener of this.listeners()) listener.beat();
    }
  }

  private *listeners(): Generator<Listener> {
    for (const topic of this.topics.values()) yield* topic.listeners;
  }

  private readNew(): void {
    const unread = [...this.topics.values()].filter((topic) => topic.state === null);
    if (unread.length > 0 && !this.isClosed) this.read(unread);
  }

  private read(topics: Topic[]): void {
    const done = this.options.metrics.startRead(this.options.kind);
    this.reading = this.options
      .read(topics.map(({ topicId, version }) => ({ topicId, version })))
      .then(
        (readings) => {
          done('ok');
          return this.take(topics, readings);
        },
        (err: unknown) => {
          done('failed');
          this.fail(topics, err);
        },
      )
      .finally(() => {
        this.reading = null;
        this.readNew();
      });
  }

  private async take(topics: readonly Topic[], readings: readonly Reading[]): Promise<void> {
    const isRepeated = this.isStale;
    this.isStale = this.isFailing = false;
    this.lastReadAtMs = performance.now();
    const byId = new Map(topics.map((topic) => [topic.topicId, topic]));
    const changed = new Set<Topic>(isRepeated ? topics : []);
    for (const { topicId, version, state } of readings) {
      const topic = byId.get(topicId);
      if (topic === undefined) continue;
      topic.version = version;
      if (topic.state?.id === state.id && !isRepeated) continue;
      topic.state = state;
      changed.add(topic);
    }
    for (const topic of topics) {
      if (topic.state === null) this.forget(topic);
      topic.first.resolve(topic.state !== null);
    }
    await this.fanOut(changed, isRepeated);
  }

  private async fanOut(changed: Iterable<Topic>, isRepeated: boolean): Promise<void> {
    let written = 0;
    for (const { state, listeners } of changed) {
      if (state === null) continue;
      for (const listener of listeners) {
        listener.send(state, isRepeated);
        written += 1;
        if (written % FAN_OUT_STEP === 0) await turn();
      }
    }
  }

  private fail(topics: readonly Topic[], err: unknown): void {
    const { logger, kind } = this.options;
    if (!this.isFailing) logger.warn({ err, kind }, 'live streams cannot read');
    this.isFailing = true;
    for (const topic of topics) {
      if (topic.state !== null) continue;
      this.forget(topic);
      topic.first.reject(err);
    }
  }

  /** Whoever asks for it next is read for anew. */
  private forget(topic: Topic): void {
    if (this.topics.get(topic.topicId) === topic) this.topics.delete(topic.topicId);
  }
}

function stopping(): Problem {
  return new Problem('service_unavailable', { retryAfterSeconds: 2 });
}

/** The refusal of a listener beyond what this process, or one thing, may have. */
export function full(metrics: StreamMetrics): Problem {
  metrics.refused();
  return new Problem('busy', { retryAfterSeconds: 5 });
}
