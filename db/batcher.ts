// Puts calls that come at the same moment into one. It knows nothing of SQL: what a call is, singly and in a batch, is given.
import { BusyError } from './errors';

export interface BatcherOptions<Input, Output> {
  /** Callers of one key share one call and its answer; so the key must name everything that matters. */
  keyOf: (input: Input) => string;
  /** What one input adds to a batch, 1 unless told otherwise; see `weightMax`. */
  weightOf?: (input: Input) => number;
  /** Answers by position; null has the member run singly. A throw has all of them run singly. */
  runBatch: (inputs: readonly Input[]) => Promise<readonly (Output | null)[]>;
  /** Must be idempotent by key: it is also how an unknown outcome of a batch is found out. */
  runSingle: (input: Input) => Promise<Output>;
  /** Told of every call, also of those with one member. */
  onCall?: (call: { members: number; failed: boolean }) => void;
  membersMax?: number;
  /** Of one batch. A single heavier member still goes, alone. */
  weightMax?: number;
  /** Callers waiting or running; beyond it `BusyError`. */
  queueMax?: number;
  /** How long a member may wait to be sent: its caller gives up after 2 s. */
  waitMaxMs?: number;
}

export interface Batcher<Input, Output> {
  /** @throws BusyError when too many wait, this one waited too long, or the batcher drains: retryable, nothing was done. */
  call(input: Input): Promise<Output>;
  /** Takes no more calls and resolves when those it has are answered. */
  drain(): Promise<void>;
}

/** As many singles as a batch that failed may have under way; the pool has other users. */
const SINGLES_MAX = 4;
/** Measured: 500 is where the gain flattens; 1,000 lines with a customer each stay far below the server's lock table. */
const MEMBERS_MAX = 500;
/** While one writes its rows, the process reads the answers of the other; more only take the processor from each other. */
const BATCHES_MAX = 2;
/** What a batch beside another must have to be worth a transaction. */
const BESIDE_MIN = 32;
const WEIGHT_MAX = 1_000;
const QUEUE_MAX = 5_000;
const WAIT_MAX_MS = 2_000;

interface Member<Input, Output> {
  input: Input;
  weight: number;
  queuedAtMs: number;
  resolve: (output: Output) => void;
  reject: (reason: unknown) => void;
}

/**
 * Flushes when idle, else when a call in flight returns: that round trip is the window, so there is no timer and a lone caller
 * waits for nobody. A second batch leaves beside the first only when many wait. A batch of one is the single call.
 */
export function createBatcher<Input, Output>(options: BatcherOptions<Input, Output>): Batcher<Input, Output> {
  const queue = new BatchQueue(options);
  return { call: (input) => queue.call(input), drain: () => queue.drain() };
}

class BatchQueue<Input, Output> {
  private readonly options: BatcherOptions<Input, Output>;
  /** By key; everything that waits or runs. */
  private readonly shared = new Map<string, Promise<Output>>();
  private readonly queue: Member<Input, Output>[] = [];
  private readonly singles: Member<Input, Output>[] = [];
  private batchesInFlight = 0;
  private isFlushPlanned = false;
  private singlesInFlight = 0;
  private isDraining = false;

  constructor(options: BatcherOptions<Input, Output>) {
    this.options = options;
  }

  call(input: Input): Promise<Output> {
    const key = this.options.keyOf(input);
    const known = this.shared.get(key);
    if (known !== undefined) return known;
    if (this.isDraining) return Promise.reject(new BusyError('the process is stopping'));
    if (this.shared.size >= (this.options.queueMax ?? QUEUE_MAX)) {
      return Promise.reject(new BusyError('too many calls are waiting'));
    }
    const answer = new Promise<Output>((resolve, reject) => {
      const weight = this.options.weightOf?.(input) ?? 1;
      this.queue.push({ input, weight, queuedAtMs: performance.now(), resolve, reject });
    }).finally(() => this.shared.delete(key));
    this.shared.set(key, answer);
    this.planFlush();
    return answer;
  }

  async drain(): Promise<void> {
    this.isDraining = true;
    await Promise.allSettled(this.shared.values());
  }

  private planFlush(): void {
    if (this.isFlushPlanned || !this.mayFlush()) return;
    this.isFlushPlanned = true;
    // After everything that is ready to run now, so that all of it may join.
    setImmediate(() => {
      this.isFlushPlanned = false;
      void this.flush();
    });
  }

  private mayFlush(): boolean {
    const waiting = this.queue.length;
    return this.batchesInFlight === 0
      ? waiting > 0
      : this.batchesInFlight < BATCHES_MAX && waiting >= BESIDE_MIN;
  }

  private async flush(): Promise<void> {
    const members = this.takeBatch();
    this.batchesInFlight += 1;
    this.planFlush();
    const [first] = members;
    if (first !== undefined && members.length === 1) await this.settleSingly(first);
    else if (members.length > 1) await this.settleTogether(members);
    this.batchesInFlight -= 1;
    this.planFlush();
  }

  private takeBatch(): Member<Input, Output>[] {
    const { membersMax = MEMBERS_MAX, weightMax = WEIGHT_MAX } = this.options;
    const countMax = Math.min(membersMax, this.shareOfQueue());
    const members: Member<Input, Output>[] = [];
    let weight = 0;
    while (members.length < countMax) {
      const next = this.queue[0];
      if (next === undefined || (members.length > 0 && weight + next.weight > weightMax)) break;
      this.queue.shift();
      if (!this.isInTime(next)) continue;
      members.push(next);
      weight += next.weight;
    }
    return members;
  }

  /** Half of what waits when that makes two batches worth having, else all of it. */
  private shareOfQueue(): number {
    const waiting = this.queue.length;
    return this.batchesInFlight === 0 && waiting >= BATCHES_MAX * BESIDE_MIN
      ? Math.ceil(waiting / BATCHES_MAX)
      : waiting;
  }

  private async settleTogether(members: readonly Member<Input, Output>[]): Promise<void> {
    let answers: readonly (Output | null)[] = [];
    let failed = false;
    try {
      answers = await this.options.runBatch(members.map((member) => member.input));
      if (answers.length !== members.length) throw new Error('a batch answered another number of members');
    } catch {
      // Whatever it was: refused because of one member, or the connection lost and the outcome unknown. Each one finds out.
      failed = true;
      answers = members.map(() => null);
    }
    this.options.onCall?.({ members: members.length, failed });
    for (const [index, member] of members.entries()) {
      const answer = answers[index] ?? null;
      if (answer === null) this.singles.push(member);
      else member.resolve(answer);
    }
    this.runSingles();
  }

  /** Beside the next batch: one slow member must not keep those behind it waiting. */
  private runSingles(): void {
    while (this.singlesInFlight < SINGLES_MAX) {
      const member = this.singles.shift();
      if (member === undefined) return;
      if (!this.isInTime(member)) continue;
      this.singlesInFlight += 1;
      void this.settleSingly(member).then(() => {
        this.singlesInFlight -= 1;
        this.runSingles();
      });
    }
  }

  private async settleSingly(member: Member<Input, Output>): Promise<void> {
    let failed = false;
    try {
      member.resolve(await this.options.runSingle(member.input));
    } catch (err) {
      failed = true;
      member.reject(err);
    }
    this.options.onCall?.({ members: 1, failed });
  }

  private isInTime(member: Member<Input, Output>): boolean {
    if (performance.now() - member.queuedAtMs <= (this.options.waitMaxMs ?? WAIT_MAX_MS)) return true;
    member.reject(new BusyError('waited too long to be sent'));
    return false;
  }
}
