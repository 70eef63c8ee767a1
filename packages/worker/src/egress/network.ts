/**
 * The two things that egress asks of the network, as a port: addresses of a name, and a connection to an address.
 *
 * N1  A name is looked up in DNS alone: no hosts file, no search domain, no name service of the machine.
 * N2  A connection is made to an address, never to a name, so nothing is looked up a second time.
 */
import { Resolver } from 'node:dns/promises';
import { connect, isIP, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { IpRange } from '@zerofleet/model';
import { networksOfThisHost } from './own-networks.js';

export interface Network {
  /** The addresses of `name`, at least one. Rejects when there are none, or `signal` is aborted. */
  resolve(name: string, signal: AbortSignal): Promise<readonly string[]>;
  /** A connection whose two directions end apart. Rejects when there is none, or `signal` is aborted. */
  dial(address: string, port: number, signal: AbortSignal): Promise<Socket>;
  /** Networks that the worker itself is in, and addresses at which it would reach itself. */
  ownNetworks(): readonly IpRange[];
}

/** One question to a DNS server, in ms, and how often it is asked. */
const QUESTION_MS = 2_000;
const QUESTIONS = 2;

export interface NetworkOptions {
  /** DNS servers to ask, `address:port`; the system's where they are left out. */
  readonly servers?: readonly string[];
  /** Whether there is a way to IPv4 addresses at all. */
  readonly hasIpv4: () => boolean;
}

/** This machine's network. */
export const networkWith = ({ servers, hasIpv4 }: NetworkOptions): Network => ({
  resolve: async (name, signal) => {
    signal.throwIfAborted();
    const resolver = new Resolver({ timeout: QUESTION_MS, tries: QUESTIONS });
    if (servers !== undefined) resolver.setServers(servers);
    const cancel = (): void => resolver.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      if (!hasIpv4()) return await resolver.resolve6(name);
      return await resolver.resolve4(name).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENODATA') throw error;
        return resolver.resolve6(name);
      });
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  },

  dial: (address, port, signal) =>
    new Promise((resolve, reject) => {
      if (isIP(address) === 0) throw new Error(`'${address}' is no address`);
      signal.throwIfAborted();
      const socket = connect({ host: address, port, allowHalfOpen: true, noDelay: true });
      const cancel = (): void => void socket.destroy(new Error('aborted'));
      const settle = (): void => {
        signal.removeEventListener('abort', cancel);
        socket.removeAllListeners();
      };
      signal.addEventListener('abort', cancel, { once: true });
      socket.once('connect', () => {
        settle();
        // Until its new owner listens, an error of it is nobody's, and must not be the process's end.
        socket.on('error', () => undefined);
        resolve(socket);
      });
      socket.once('error', (error) => {
        settle();
        reject(error);
      });
    }),

  ownNetworks: networksOfThisHost,
});

export const systemNetwork: Network = networkWith({
  hasIpv4: () =>
    Object.values(networkInterfaces()).some((entries = []) =>
      entries.some(({ family, internal }) => family === 'IPv4' && !internal),
    ),
});
