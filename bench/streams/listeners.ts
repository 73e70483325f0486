// Thousands of clients in one process: bare sockets, so that the measuring costs little beside what is measured.
import { connect } from 'node:net';
import type { Socket } from 'node:net';

export interface Arrival {
  listener: number;
  atMs: number;
  data: string;
}

export interface Crowd {
  /** Since the crowd was there, or since `take` was last called. */
  take(): Arrival[];
  leave(): Promise<void>;
}

const CONNECTING_AT_ONCE = 200;

/** Resolves once every listener has its first state. @throws when one is refused. */
export async function gather(port: number, requests: readonly string[]): Promise<Crowd> {
  let arrivals: Arrival[] = [];
  const sockets: Socket[] = [];
  for (let from = 0; from < requests.length; from += CONNECTING_AT_ONCE) {
    const some = requests.slice(from, from + CONNECTING_AT_ONCE);
    sockets.push(
      ...(await Promise.all(
        some.map((request, n) =>
          join(port, request, (data) => {
            arrivals.push({ listener: from + n, atMs: performance.now(), data });
          }),
        ),
      )),
    );
  }
  arrivals = [];
  return {
    take: () => {
      const taken = arrivals;
      arrivals = [];
      return taken;
    },
    leave: async () => {
      await Promise.all(
        sockets.map(
          (socket) => new Promise<void>((resolve) => void socket.once('close', () => resolve()).destroy()),
        ),
      );
    },
  };
}

export function requestFor(path: string, token?: string): string {
  const authorization = token === undefined ? '' : `Authorization: Bearer ${token}\r\n`;
  return `GET ${path} HTTP/1.1\r\nHost: bench\r\n${authorization}\r\n`;
}

function join(port: number, request: string, onData: (data: string) => void): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let rest = '';
    socket.setEncoding('latin1');
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('a listener was cut off')));
    socket.on('data', (text) => {
      rest += String(text);
      if (!rest.startsWith('HTTP/1.1 200') && rest.startsWith('HTTP')) reject(new Error(rest.slice(0, 200)));
      for (let end = rest.indexOf('\n\n'); end !== -1; end = rest.indexOf('\n\n')) {
        const data = /^data: (.*)$/m.exec(rest.slice(0, end))?.[1];
        rest = rest.slice(end + 2);
        if (data === undefined) continue;
        onData(data);
        resolve(socket);
      }
    });
    socket.write(request);
  });
}
