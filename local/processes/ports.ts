// Ports on the loopback interface: a free one, or proof that the wanted one can be had.
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { SetupError, systemErrorCode } from './errors';

const HOST = '127.0.0.1';

/**
 * Free ports are drawn below the range from which systems hand out ports by themselves (Linux from 32768, others from
 * 49152): one that is chosen now and bound seconds later cannot be taken by an outgoing connection or a `listen(0)`.
 */
const DRAWN_MIN = 10_240;
const DRAWN_MAX = 32_767;
const DRAWS_MAX = 100;
/** Chosen by this process already, though nothing may listen on it yet. */
const drawn = new Set<number>();

/**
 * The port to use: `wanted` itself when it is free, a free one for 0.
 * @param envName the variable that chooses the port, named to whoever must choose another
 * @throws SetupError when the port is taken or not allowed
 */
export async function choosePort(wanted: number, envName: string): Promise<number> {
  if (wanted === 0) return drawPort();
  try {
    await bindOnce(wanted);
    return wanted;
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'EADDRINUSE')
      throw new SetupError(
        `Port ${wanted} is taken by another program. Stop that one, or set ${envName} to another port (0 = any free one).`,
      );
    if (code === 'EACCES')
      throw new SetupError(`Port ${wanted} needs more rights. Set ${envName} to a port above 1023.`);
    throw error;
  }
}

async function drawPort(): Promise<number> {
  for (let draw = 0; draw < DRAWS_MAX; draw += 1) {
    const port = randomInt(DRAWN_MIN, DRAWN_MAX + 1);
    if (drawn.has(port)) continue;
    try {
      await bindOnce(port);
      drawn.add(port);
      return port;
    } catch (error) {
      if (systemErrorCode(error) !== 'EADDRINUSE') throw error;
    }
  }
  throw new SetupError(`No free port was found in ${DRAWS_MAX} draws between ${DRAWN_MIN} and ${DRAWN_MAX}.`);
}

function bindOnce(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host: HOST }, () => server.close(() => resolve()));
  });
}
