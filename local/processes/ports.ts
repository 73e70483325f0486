// Ports on the loopback interface: a free one, or proof that the wanted one can be had.
import { createServer } from 'node:net';
import { SetupError, systemErrorCode } from './errors';

const HOST = '127.0.0.1';

/**
 * The port to use: `wanted` itself when it is free, a free one for 0.
 * @param envName the variable that chooses the port, named to whoever must choose another
 * @throws SetupError when the port is taken or not allowed
 */
export async function choosePort(wanted: number, envName: string): Promise<number> {
  try {
    return await bindOnce(wanted);
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

function bindOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host: HOST }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : port));
    });
  });
}
