/**
 * Which addresses belong to the public internet, and what the others are for.
 *
 * D1  IPv6 is judged the other way round: what is not in 2000::/3 is not public, whatever it may become one day.
 * D2  An address that stands for another (mapped, NAT64, 6to4, Teredo) is not public, whichever that other one is.
 */
import { isWithin, parseRange, type IpAddress, type IpRange } from './ip-address.js';

const range = (text: string): IpRange => {
  const parsed = parseRange(text);
  if (parsed === undefined) throw new Error(`'${text}' is no range`);
  return parsed;
};

const GLOBAL_V6 = range('2000::/3');

/** IANA's special-purpose registries, and what clouds serve their machines on; the first that fits names an address. */
const RESERVED: readonly (readonly [IpRange, string])[] = [
  ['0.0.0.0/8', 'unspecified'],
  ['10.0.0.0/8', 'private'],
  ['100.64.0.0/10', 'shared by a carrier'],
  ['127.0.0.0/8', 'loopback'],
  ['169.254.0.0/16', 'link-local or metadata'],
  ['168.63.129.16', 'metadata'],
  ['172.16.0.0/12', 'private'],
  ['192.0.0.0/24', 'for protocols'],
  ['192.0.2.0/24', 'for documentation'],
  ['192.88.99.0/24', '6to4'],
  ['192.168.0.0/16', 'private'],
  ['198.18.0.0/15', 'for benchmarks'],
  ['198.51.100.0/24', 'for documentation'],
  ['203.0.113.0/24', 'for documentation'],
  ['224.0.0.0/4', 'multicast'],
  ['240.0.0.0/4', 'reserved'],
  ['::', 'unspecified'],
  ['::1', 'loopback'],
  ['::ffff:0:0/96', 'IPv4-mapped'],
  ['::/96', 'IPv4-compatible'],
  ['64:ff9b::/96', 'NAT64'],
  ['64:ff9b:1::/48', 'NAT64'],
  ['100::/64', 'discarded'],
  ['2001::/32', 'Teredo'],
  ['2001::/23', 'for protocols'],
  ['2001:db8::/32', 'for documentation'],
  ['2002::/16', '6to4'],
  ['3fff::/20', 'for documentation'],
  ['fc00::/7', 'private or metadata'],
  ['fe80::/10', 'link-local'],
  ['fec0::/10', 'private'],
  ['ff00::/8', 'multicast'],
].map(([text = '', what = '']) => [range(text), what] as const);

/** What keeps `ip` from being a public address, in a few words, or undefined where it is one. */
export const notPublicBecause = (ip: IpAddress): string | undefined => {
  const found = RESERVED.find(([reserved]) => isWithin(reserved, ip));
  if (found !== undefined) return found[1];
  return ip.version === 6 && !isWithin(GLOBAL_V6, ip) ? 'reserved' : undefined;
};
