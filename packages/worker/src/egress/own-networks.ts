/**
 * The networks that this machine, or this container, is in, and every address at which it answers.
 *
 * O1  An address counts whether or not its interface is in service: a bridge that nothing is plugged into leads nowhere, but who
 *     connects to its address is at this machine. Node lists interfaces in service; Linux lists the addresses in /proc.
 */
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { parseIp, rangeAround, type IpRange } from '@zerofleet/model';

const V4_LEAF = /^ +\|-- ([0-9.]+)$/;
const V4_LOCAL = /^ +\/([0-9]+) host LOCAL$/;
const V6_LINE = /^([0-9a-f]{32}) /gm;

/** The networks that this machine, or this container, has an address in. */
export const networksOfThisHost = (): IpRange[] => [
  ...networksInService(),
  ...localV4(read('/proc/net/fib_trie')),
  ...localV6(read('/proc/net/if_inet6')),
];

const networksInService = (): IpRange[] =>
  Object.values(networkInterfaces()).flatMap((entries = []) =>
    entries.flatMap(({ address, cidr }) => {
      const ip = parseIp(address);
      if (ip === undefined) return [];
      const prefix = Number(cidr?.split('/')[1] ?? (ip.version === 4 ? 32 : 128));
      return [rangeAround(ip, prefix)];
    }),
  );

/** What the kernel delivers to itself, of the text of its IPv4 tables. Tables of rules, `Id N:`, hold for some packets only. */
export const localV4 = (tables: string): IpRange[] => {
  const found: IpRange[] = [];
  let isForAll = false;
  let leaf = '';
  for (const line of tables.split('\n')) {
    if (!line.startsWith(' ')) isForAll = line === 'Main:' || line === 'Local:';
    leaf = V4_LEAF.exec(line)?.[1] ?? leaf;
    const prefix = V4_LOCAL.exec(line)?.[1];
    const ip = prefix === undefined || !isForAll ? undefined : parseIp(leaf);
    if (ip !== undefined) found.push(rangeAround(ip, Number(prefix)));
  }
  return found;
};

/** The addresses in the text of the kernel's list of IPv6 addresses. */
export const localV6 = (list: string): IpRange[] =>
  [...list.matchAll(V6_LINE)].map(([, digits]) => ({
    version: 6,
    value: BigInt(`0x${digits}`),
    prefix: 128,
  }));

/** A file of the kernel's; empty where there is none. */
const read = (path: string): string => {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
};
