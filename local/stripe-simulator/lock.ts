// One process per data folder: a socket named after the folder, held while the process lives. The kernel drops it with
// the process, so kill -9 leaves nothing to clean up by hand; a leftover file that nobody answers is replaced.

import { createHash } from 'node:crypto';
import { mkdirSync, realpathSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { Server } from 'node:net';
import os from 'node:os';
import path from 'node:path';

/** Resolves with a function that gives the folder free. Throws when another live process has it. */
export async function lockDataDir(dataDir: string): Promise<() => void> {
  const socket = socketPath(dataDir);
  const server = createServer((connection) => connection.destroy());
  try {
    await listen(server, socket);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    if (await answers(socket)) {
      throw new Error(`another Stripe simulator is using the data folder ${dataDir}`, { cause: error });
    }
    rmSync(socket, { force: true });
    await listen(server, socket);
  }
  server.unref();
  return () => void server.close();
}

/** In the temporary folder because a socket's path may have about 100 characters only. */
function socketPath(dataDir: string): string {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const name = createHash('sha256').update(realpathSync(dataDir)).digest('hex').slice(0, 16);
  return process.platform === 'win32'
    ? `\\\\.\\pipe\\stripe-simulator-${name}`
    : path.join(os.tmpdir(), `stripe-simulator-${name}.sock`);
}

function listen(server: Server, socket: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(socket, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socket);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}
