// The journal: append-only JSON lines, one line per transaction. A line counts once it is whole.

import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import type { Change } from './store';

const FILE = 'journal.jsonl';
const COMPACT_LINE_CHANGES = 500;
/** A journal this many times as large as its last compaction is compacted again, but not below the least size. */
const GROWTH_MAX = 4;
const COMPACT_BYTES_MIN = 16 * 1024 * 1024;
const NEWLINE = 10;

export class Journal {
  private readonly file: string;
  private readonly compactBytesMin: number;
  private fd: number | null = null;
  private bytes = 0;
  private compactAtBytes = 0;

  /** `compactBytesMin`: below this size a running journal is left alone. */
  constructor(dataDir: string, compactBytesMin = COMPACT_BYTES_MIN) {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    this.file = path.join(dataDir, FILE);
    this.compactBytesMin = compactBytesMin;
  }

  /** Whether it has grown so far beyond its state that `compact` is due. */
  get isOvergrown(): boolean {
    return this.bytes >= this.compactAtBytes;
  }

  /**
   * Hands every change in the file to `apply`, in order. A torn last line (the process was killed while writing it) is
   * dropped: nobody has been answered on its strength. A broken line anywhere else is damage and stops the start.
   */
  replay(apply: (change: Change) => void): void {
    if (!existsSync(this.file)) return;
    const bytes = readFileSync(this.file);
    let start = 0;
    for (let line = 1; start < bytes.length; line += 1) {
      const end = bytes.indexOf(NEWLINE, start);
      if (end < 0) return;
      for (const change of this.parse(bytes.toString('utf8', start, end), line)) apply(change);
      start = end + 1;
    }
  }

  /**
   * Writes the state as a fresh file and puts it in the old one's place in one step; from then on `append` works, on the
   * new file. Killed at any moment, the folder holds the old journal whole or the new one whole. When it throws (a full
   * disk), the old file is still the journal.
   */
  compact(changes: Iterable<Change>): void {
    // Before the work: a compaction that fails is tried again only after as much growth again.
    this.expectGrowth();
    const next = `${this.file}.next`;
    rmSync(next, { force: true });
    // For appending, so that what is written after a cut (see `append`) goes to the end.
    const fd = openSync(next, 'a', 0o600);
    let bytes: number;
    try {
      bytes = writeAll(fd, changes);
      fsyncSync(fd);
      renameSync(next, this.file);
    } catch (error) {
      closeSync(fd);
      rmSync(next, { force: true });
      throw error;
    }
    if (this.fd !== null) closeSync(this.fd);
    this.fd = fd;
    this.bytes = bytes;
    this.expectGrowth();
  }

  /**
   * In the operating system's hands when it returns: survives kill -9 of this process, not a power cut. When it throws
   * (a full disk), the half of the line that was written is cut off again, so that the next line does not follow it.
   */
  append(changes: readonly Change[]): void {
    if (this.fd === null) throw new Error('the journal is closed');
    try {
      this.bytes += writeLine(this.fd, changes);
    } catch (error) {
      ftruncateSync(this.fd, this.bytes);
      throw error;
    }
  }

  private expectGrowth(): void {
    this.compactAtBytes = Math.max(this.compactBytesMin, GROWTH_MAX * this.bytes);
  }

  close(): void {
    if (this.fd !== null) closeSync(this.fd);
    this.fd = null;
  }

  private parse(text: string, line: number): Change[] {
    try {
      return JSON.parse(text) as Change[];
    } catch (error) {
      throw new Error(`${this.file} is damaged in line ${line}; move the file away to start empty`, {
        cause: error,
      });
    }
  }
}

/** Returns the bytes written. */
function writeAll(fd: number, changes: Iterable<Change>): number {
  let bytes = 0;
  let batch: Change[] = [];
  for (const change of changes) {
    batch.push(change);
    if (batch.length >= COMPACT_LINE_CHANGES) {
      bytes += writeLine(fd, batch);
      batch = [];
    }
  }
  return batch.length > 0 ? bytes + writeLine(fd, batch) : bytes;
}

function writeLine(fd: number, changes: readonly Change[]): number {
  const bytes = Buffer.from(`${JSON.stringify(changes)}\n`);
  let written = 0;
  while (written < bytes.length) written += writeSync(fd, bytes, written);
  return written;
}
