/** Free TCP ports on loopback. */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { LaunchError } from './errors.js';

const listen = (port: number, host: string): Promise<number | undefined> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? address?.port : undefined));
    });
  });

/** A free port on `host`. Another process may take it before its user does; callers that matter retry. */
export const freePort = async (host = '127.0.0.1'): Promise<number> => {
  const port = await listen(0, host);
  if (port === undefined) throw new LaunchError(`no free port on ${host}`);
  return port;
};

/** `first`, or the next free port after it. */
export const portFrom = async (first: number, host = '127.0.0.1', tries = 100): Promise<number> => {
  for (let port = first; port < first + tries && port <= 65_535; port += 1)
    if ((await listen(port, host)) !== undefined) return port;
  throw new LaunchError(
    `ports ${first} to ${first + tries - 1} on ${host} are all taken; choose another with --port`,
  );
};

/** Below the ports that the kernel gives to outgoing connections, and above those that people choose. */
const FIXED = { first: 18_000, count: 12_000 } as const;
const given = new Set<number>();

/**
 * A free port for a listener that goes away and comes back: no outgoing connection is ever given it meanwhile, as may
 * happen to a port of `freePort`, and no second call of this process returns it.
 */
export const fixedPort = async (host = '127.0.0.1'): Promise<number> => {
  const start = randomInt(FIXED.count);
  for (let n = 0; n < FIXED.count; n += 1) {
    const port = FIXED.first + ((start + n) % FIXED.count);
    if (given.has(port) || (await listen(port, host)) === undefined) continue;
    given.add(port);
    return port;
  }
  throw new LaunchError(`no free port on ${host} from ${FIXED.first} on`);
};
