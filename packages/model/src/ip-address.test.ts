/** Addresses and ranges, against Node's own idea of them, and a table of what is public. */
import { BlockList, isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isWithin, parseIp, parseRange, rangeAround, type IpAddress } from './ip-address.js';
import { notPublicBecause } from './public-address.js';

const ip = (text: string): IpAddress => {
  const parsed = parseIp(text);
  if (parsed === undefined) throw new Error(`'${text}' is no address`);
  return parsed;
};

/** Texts that are addresses, nearly are, or are made of what addresses are made of. */
const texts = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.string({ unit: fc.constantFrom(...'0123456789abF.:/%x['), maxLength: 24 }),
  fc
    .tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.constantFrom('', '.', '%1', '/8', ' '))
    .map((two) => two.join('')),
);

const ADDRESS_BYTES = { ipv4: 32, ipv6: 128 } as const;
const ranges = fc.oneof(
  fc.tuple(fc.ipV4(), fc.nat(ADDRESS_BYTES.ipv4)),
  fc.tuple(fc.ipV6(), fc.nat(ADDRESS_BYTES.ipv6)),
);

describe('an address', () => {
  it('is read where Node reads one, and nowhere else', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const version = text.includes('%') ? 0 : isIP(text);
        expect(parseIp(text)?.version ?? 0, text).toBe(version);
      }),
      { numRuns: 3_000 },
    );
  });

  it('is in a range when Node says so', () => {
    fc.assert(
      fc.property(ranges, fc.oneof(fc.ipV4(), fc.ipV6()), fc.boolean(), ([base, prefix], other, near) => {
        const version = isIP(base) === 4 ? 'ipv4' : 'ipv6';
        const text = near ? base : other;
        const list = new BlockList();
        list.addSubnet(base, prefix, version);
        const mine = isWithin(rangeAround(ip(base), prefix), ip(text));
        const isSame = parseIp(base)?.version === parseIp(text)?.version;
        // Node lets an IPv4 range hold mapped IPv6 addresses; here they are what they are.
        if (isSame) expect(mine).toBe(list.check(text, isIP(text) === 4 ? 'ipv4' : 'ipv6'));
        else expect(mine).toBe(false);
      }),
    );
  });

  it.each([
    '',
    '1',
    '127.1',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '0x7f.0.0.1',
    '1.2.3.256',
    '1.2.3.-4',
    ' 1.2.3.4',
  ])("is not '%s'", (text) => expect(parseIp(text)).toBeUndefined());

  it.each([
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::8',
    'fe80::1%eth0',
    '[::1]',
  ])("is not '%s' either", (text) => expect(parseIp(text)).toBeUndefined());
});

describe('a range', () => {
  it.each([
    '10.0.0.0/33',
    '10.0.0.1/8',
    '::/129',
    '1.2.3.4/',
    '1.2.3.4/08',
    '1.2.3.4/8/8',
    'x/8',
    '10.0.0.0/-1',
  ])("is not '%s'", (text) => expect(parseRange(text)).toBeUndefined());

  it('of one address is that address', () => {
    expect(parseRange('10.0.0.1')).toMatchObject({ prefix: 32 });
    expect(parseRange('::1')).toMatchObject({ prefix: 128 });
    expect(parseRange('0.0.0.0/0')).toMatchObject({ prefix: 0, value: 0n });
  });
});

describe('an address of the public internet', () => {
  it.each([
    '1.1.1.1',
    '8.8.8.8',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
    '128.0.0.0',
    '169.253.255.255',
    '169.255.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '192.0.1.0',
    '192.167.255.255',
    '192.169.0.0',
    '198.17.255.255',
    '198.20.0.0',
    '223.255.255.255',
    '2606:4700:4700::1111',
    '2a00:1450:4001:81b::200e',
    '2001:4860:4860::8888',
    '2001:200::1',
    '2003::1',
  ])('%s', (text) => expect(notPublicBecause(ip(text))).toBeUndefined());

  it.each([
    ['0.0.0.0', 'unspecified'],
    ['0.1.2.3', 'unspecified'],
    ['10.0.0.1', 'private'],
    ['10.255.255.255', 'private'],
    ['100.64.0.0', 'carrier'],
    ['100.100.100.200', 'carrier'],
    ['100.127.255.255', 'carrier'],
    ['127.0.0.1', 'loopback'],
    ['127.0.0.11', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['168.63.129.16', 'metadata'],
    ['169.254.0.1', 'link-local'],
    ['169.254.169.254', 'metadata'],
    ['169.254.170.2', 'metadata'],
    ['172.16.0.1', 'private'],
    ['172.17.0.1', 'private'],
    ['172.18.0.2', 'private'],
    ['172.31.255.255', 'private'],
    ['192.0.0.1', 'protocols'],
    ['192.0.0.192', 'protocols'],
    ['192.0.2.1', 'documentation'],
    ['192.88.99.1', '6to4'],
    ['192.168.0.1', 'private'],
    ['198.18.0.1', 'benchmarks'],
    ['198.19.255.255', 'benchmarks'],
    ['198.51.100.7', 'documentation'],
    ['203.0.113.9', 'documentation'],
    ['224.0.0.1', 'multicast'],
    ['239.255.255.250', 'multicast'],
    ['240.0.0.1', 'reserved'],
    ['255.255.255.255', 'reserved'],
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['0:0:0:0:0:0:0:1', 'loopback'],
    ['::127.0.0.1', 'IPv4-compatible'],
    ['::ffff:127.0.0.1', 'IPv4-mapped'],
    ['::ffff:7f00:1', 'IPv4-mapped'],
    ['::FFFF:169.254.169.254', 'IPv4-mapped'],
    ['::ffff:8.8.8.8', 'IPv4-mapped'],
    ['::ffff:0:127.0.0.1', 'reserved'],
    ['64:ff9b::7f00:1', 'NAT64'],
    ['64:ff9b::8.8.8.8', 'NAT64'],
    ['64:ff9b:1::1', 'NAT64'],
    ['100::1', 'discarded'],
    ['2001::1', 'Teredo'],
    ['2001:0:4136:e378:8000:63bf:3fff:fdd2', 'Teredo'],
    ['2001:2::1', 'protocols'],
    ['2001:10::1', 'protocols'],
    ['2001:20::1', 'protocols'],
    ['2001:db8::1', 'documentation'],
    ['2002:7f00:1::', '6to4'],
    ['2002:a9fe:a9fe::1', '6to4'],
    ['3fff:fff::1', 'documentation'],
    ['4000::1', 'reserved'],
    ['5f00::1', 'reserved'],
    ['fc00::1', 'private'],
    ['fd00:ec2::254', 'metadata'],
    ['fd00:ec2::23', 'metadata'],
    ['fe80::1', 'link-local'],
    ['fe80::a9fe:a9fe', 'link-local'],
    ['febf::1', 'link-local'],
    ['fec0::1', 'private'],
    ['ff02::1', 'multicast'],
    ['ff0e::1', 'multicast'],
  ])('is not %s: %s', (text, reason) => expect(notPublicBecause(ip(text))).toContain(reason));

  it('is never one that stands for an IPv4 address', () => {
    fc.assert(
      fc.property(fc.ipV4(), (v4) => {
        const hex = ip(v4).value.toString(16).padStart(8, '0');
        const [high, low] = [hex.slice(0, 4), hex.slice(4)];
        for (const text of [
          `::ffff:${v4}`,
          `::ffff:${high}:${low}`,
          `::${v4}`,
          `64:ff9b::${v4}`,
          `2002:${high}:${low}::1`,
          `2001::${high}:${low}`,
        ])
          expect(notPublicBecause(ip(text)), text).toBeDefined();
      }),
    );
  });
});
