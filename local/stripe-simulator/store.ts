// State in memory, changed only in transactions; each transaction is one line of the journal, written before anyone sees it.

import type { Journal } from './journal';
import { KINDS } from './records';
import type { Kind, Records } from './records';

/** One written or removed record (`record` null); a transaction is a list of them. */
export type Change = { [K in Kind]: { kind: K; id: string; record: Records[K] | null } }[Kind];

type Collections = { [K in Kind]: Map<string, Records[K]> };

interface Undo {
  readonly kind: Kind;
  readonly id: string;
  readonly before: { readonly id: string } | undefined;
}

function emptyCollections(): Collections {
  return Object.fromEntries(KINDS.map((kind) => [kind, new Map()])) as unknown as Collections;
}

export class Store {
  private readonly collections: Collections = emptyCollections();
  private readonly listeners: ((changes: readonly Change[]) => void)[] = [];
  private changes: Change[] | null = null;
  private undo: Undo[] = [];
  private journal: Journal | null = null;

  /** Replays the journal and keeps writing to it; without a journal the state lives in memory only. */
  attach(journal: Journal): void {
    journal.replay((change) => this.apply(change));
    this.journal = journal;
    this.compact();
  }

  /** Rewrites the journal as the present state, without its history. Throws when that fails; the journal stays whole. */
  compact(): void {
    this.journal?.compact(this.everything());
  }

  /** Listeners see the changes of a transaction after it is in the journal. */
  onCommit(listener: (changes: readonly Change[]) => void): void {
    this.listeners.push(listener);
  }

  get<K extends Kind>(kind: K, id: string): Records[K] | undefined {
    return this.collections[kind].get(id);
  }

  /** In order of creation: a Map keeps the place of a key that is written again. */
  all<K extends Kind>(kind: K): IterableIterator<Records[K]> {
    return this.collections[kind].values() as IterableIterator<Records[K]>;
  }

  count(kind: Kind): number {
    return this.collections[kind].size;
  }

  put<K extends Kind>(kind: K, record: Records[K]): Records[K] {
    this.change({ kind, id: record.id, record } as Change);
    return record;
  }

  remove(kind: Kind, id: string): void {
    if (this.collections[kind].has(id)) this.change({ kind, id, record: null });
  }

  /** True once the running transaction has changed something: an error thrown after that is a bug of the simulator. */
  hasChanges(): boolean {
    return (this.changes?.length ?? 0) > 0;
  }

  /** Runs `work`; all of its changes are journalled as one line and kept, or (when it throws) none. Not nestable. */
  transaction<T>(work: () => T): T {
    if (this.changes) throw new Error('a transaction is already open');
    const changes: Change[] = [];
    this.changes = changes;
    this.undo = [];
    let result: T;
    try {
      result = work();
      if (changes.length > 0) this.journal?.append(changes);
    } catch (error) {
      this.rollback();
      throw error;
    } finally {
      this.changes = null;
    }
    if (changes.length > 0) for (const listener of this.listeners) listener(changes);
    return result;
  }

  private change(change: Change): void {
    if (!this.changes) throw new Error(`${change.kind} changed outside a transaction`);
    const before = this.collections[change.kind].get(change.id);
    this.undo.push({ kind: change.kind, id: change.id, before });
    this.changes.push(change);
    this.apply(change);
  }

  private apply(change: Change): void {
    const collection = this.collections[change.kind] as Map<string, unknown>;
    if (change.record) collection.set(change.id, change.record);
    else collection.delete(change.id);
  }

  private rollback(): void {
    for (const { kind, id, before } of this.undo.reverse()) {
      this.apply({ kind, id, record: before ?? null } as Change);
    }
  }

  private *everything(): Iterable<Change> {
    for (const kind of KINDS) {
      for (const record of this.collections[kind].values()) yield { kind, id: record.id, record } as Change;
    }
  }
}
