/**
 * IP addresses and ranges as numbers.
 *
 * N1  One spelling of an address is read and no other: four plain decimal parts, or RFC 4291 text. Short forms, octal and
 *     hexadecimal parts, zones and brackets are no addresses, so nobody further on can read another address in the text.
 */

/** `value` is the address as a number of 32 or 128 bits. */
export interface IpAddress {
  readonly version: 4 | 6;
  readonly value: bigint;
}

/** All addresses of `version` whose first `prefix` bits are those of `value`. */
export interface IpRange extends IpAddress {
  readonly prefix: number;
}

const PART_BITS = 16n;
const PARTS = 8;
const V4_PART = /^(?:0|[1-9][0-9]{0,2})$/;
const V6_PART = /^[0-9a-fA-F]{1,4}$/;
const PREFIX = /^(?:0|[1-9][0-9]{0,2})$/;

const bitsOf = (version: 4 | 6): number => (version === 4 ? 32 : 128);

/** The address in `text`, or undefined (N1). */
export const parseIp = (text: string): IpAddress | undefined => {
  const version = text.includes(':') ? 6 : 4;
  const value = version === 6 ? v6Of(text) : v4Of(text);
  return value === undefined ? undefined : { version, value };
};

/** The range in `text`, `address/prefix` or one address, or undefined. Bits behind the prefix must be 0. */
export const parseRange = (text: string): IpRange | undefined => {
  const [address = '', length, ...rest] = text.split('/');
  const ip = parseIp(address);
  if (ip === undefined || rest.length > 0) return undefined;
  if (length !== undefined && !PREFIX.test(length)) return undefined;
  const prefix = length === undefined ? bitsOf(ip.version) : Number(length);
  if (prefix > bitsOf(ip.version)) return undefined;
  const range = { ...ip, prefix };
  return networkOf(range, ip) === ip.value ? range : undefined;
};

/** The range of all addresses that share `prefix` bits with `ip`. */
export const rangeAround = (ip: IpAddress, prefix: number): IpRange => ({
  version: ip.version,
  prefix,
  value: networkOf({ version: ip.version, prefix }, ip),
});

/** Whether `ip` is in `range`. */
export const isWithin = (range: IpRange, ip: IpAddress): boolean =>
  range.version === ip.version && networkOf(range, ip) === range.value;

const networkOf = ({ version, prefix }: Pick<IpRange, 'version' | 'prefix'>, ip: IpAddress): bigint => {
  const behind = BigInt(bitsOf(version) - prefix);
  return (ip.value >> behind) << behind;
};

const v4Of = (text: string): bigint | undefined => {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => V4_PART.test(part) && Number(part) <= 255))
    return undefined;
  return parts.reduce((value, part) => value * 256n + BigInt(part), 0n);
};

const v6Of = (text: string): bigint | undefined => {
  const [front = '', back, ...more] = text.split('::');
  if (more.length > 0) return undefined;
  const head = partsOf(front, back === undefined);
  const tail = back === undefined ? [] : partsOf(back, true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = PARTS - head.length - tail.length;
  // `::` stands for one part at least.
  if (back === undefined ? missing !== 0 : missing < 1) return undefined;
  const all = [...head, ...Array<bigint>(missing).fill(0n), ...tail];
  return all.reduce((value, part) => (value << PART_BITS) | part, 0n);
};

/** The 16-bit parts of one side of `::`; the last side may end in four decimal parts. */
const partsOf = (text: string, isLast: boolean): bigint[] | undefined => {
  if (text === '') return [];
  const parts: bigint[] = [];
  const words = text.split(':');
  for (const [at, word] of words.entries()) {
    if (V6_PART.test(word)) parts.push(BigInt(`0x${word}`));
    else {
      const v4 = isLast && at === words.length - 1 ? v4Of(word) : undefined;
      if (v4 === undefined) return undefined;
      parts.push(v4 >> PART_BITS, v4 & 0xffffn);
    }
  }
  return parts;
};
