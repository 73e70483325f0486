// Makes sure that no server outlives its owner: a small process of its own ends what it was told to watch as soon as its
// owner is gone, however the owner ended (kill -9 included). PostgreSQL and Temporal cannot do that themselves.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { identify } from './identity';
import type { ProcessIdentity } from './identity';

export interface Guardian {
  readonly pid: number;
  /** From now on this process ends when the owner does: the signal first, SIGKILL six seconds later. */
  watch(pid: number, signal: NodeJS.Signals): void;
  /** The same for the leader of a process group (spawned detached) and all it started, by SIGKILL at once. */
  watchGroup(leaderPid: number): void;
  /** This file is removed should the owner die: it would tell of processes that are gone. */
  removeOnDeath(path: string): void;
  /** Forget a process that ended in good order. */
  unwatch(pid: number): void;
  /** Ends everything still watched, then the guardian: the signal, SIGKILL after `graceMs`. */
  endAll(graceMs: number): Promise<void>;
  /** Ends the guardian, which then touches nothing. */
  close(): Promise<void>;
}

interface Watched extends ProcessIdentity {
  signal: NodeJS.Signals;
  isGroup: boolean;
}

/** Starts the guardian of the calling process. It is started anew should it die. */
export function startGuardian(): Guardian {
  const watched = new Map<number, Watched>();
  const doomed = new Set<string>();
  let closed = false;
  let child = spawnGuardian();

  function send(message: object): void {
    child.stdin?.write(`${JSON.stringify(message)}\n`);
  }
  function keepAlive(process: ChildProcess): void {
    process.stdin?.on('error', () => {}); // it died: 'exit' follows
    process.once('exit', () => {
      if (closed) return;
      child = spawnGuardian();
      keepAlive(child);
      for (const target of watched.values()) send({ watch: target });
      for (const path of doomed) send({ remove: path });
    });
  }
  keepAlive(child);
  function watch(pid: number, signal: NodeJS.Signals, isGroup: boolean): void {
    const identity = identify(pid);
    if (!identity) return;
    const target = { ...identity, signal, isGroup };
    watched.set(pid, target);
    send({ watch: target });
  }
  function finish(message: object): Promise<void> {
    closed = true;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    send(message);
    return ended;
  }

  return {
    get pid() {
      return child.pid ?? 0;
    },
    watch: (pid, signal) => watch(pid, signal, false),
    watchGroup: (leaderPid) => watch(leaderPid, 'SIGKILL', true),
    removeOnDeath(path) {
      doomed.add(path);
      send({ remove: path });
    },
    unwatch(pid) {
      watched.delete(pid);
      send({ unwatch: pid });
    },
    endAll: (graceMs) => finish({ endAll: graceMs }),
    close: () => finish({ close: true }),
  };
}

function spawnGuardian(): ChildProcess {
  // Detached: a Ctrl-C reaches every process of the terminal's group, and this one must outlive them all.
  return spawn(process.execPath, [join(__dirname, 'guardian-process.js')], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: {},
  });
}
