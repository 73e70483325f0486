// The journal: append-only JSON lines, one line per transaction. A line counts once it is whole.

import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import type { Change } from './store';

const FILE = 'journal.jsonl';
const COMPACT_LINE_CHANGES = 500;
const NEWLINE = 10;

export class Journal {
  private readonly file: string;
  private fd: number | null = null;

  constructor(dataDir: string) {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    this.file = path.join(dataDir, FILE);
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

  /** Writes the state as a fresh file and puts it in the old one's place; from then on `append` works. */
  compact(changes: Iterable<Change>): void {
    const next = `${this.file}.next`;
    const fd = openSync(next, 'w', 0o600);
    let batch: Change[] = [];
    for (const change of changes) {
      batch.push(change);
      if (batch.length >= COMPACT_LINE_CHANGES) {
        writeLine(fd, batch);
        batch = [];
      }
    }
    if (batch.length > 0) writeLine(fd, batch);
    fsyncSync(fd);
    renameSync(next, this.file);
    this.fd = fd;
  }

  /** In the operating system's hands when it returns: survives kill -9 of this process, not a power cut. */
  append(changes: readonly Change[]): void {
    if (this.fd === null) throw new Error('the journal is closed');
    writeLine(this.fd, changes);
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

function writeLine(fd: number, changes: readonly Change[]): void {
  const bytes = Buffer.from(`${JSON.stringify(changes)}\n`);
  let written = 0;
  while (written < bytes.length) written += writeSync(fd, bytes, written);
}
