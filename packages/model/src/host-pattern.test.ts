/** Which spellings of a host are read, and what a pattern covers. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { covers, parseHost, parseHostPattern, type HostPattern } from './host-pattern.js';

const pattern = (text: string): HostPattern => {
  const parsed = parseHostPattern(text);
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
};
const allows = (list: string, host: string, port = 443): boolean => {
  const parsed = parseHost(host);
  return parsed !== undefined && covers(pattern(list), parsed, port);
};

const LONG = 'a'.repeat(63);

describe('a host as a job spells it', () => {
  it.each([
    ['api.example.com', 'api.example.com'],
    ['API.Example.COM', 'api.example.com'],
    ['api.example.com.', 'api.example.com'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['r3---sn-abc.example', 'r3---sn-abc.example'],
    ['1.example', '1.example'],
    ['1.2.3.4.example', '1.2.3.4.example'],
    [`${LONG}.example`, `${LONG}.example`],
  ])("'%s' is the name '%s'", (text, name) => expect(parseHost(text)).toEqual({ kind: 'name', name }));

  it.each(['127.0.0.1', '::1', '::ffff:127.0.0.1', '8.8.8.8'])("'%s' is an address", (text) =>
    expect(parseHost(text)?.kind).toBe('address'),
  );

  it.each([
    '',
    '.',
    '..',
    '.example.com',
    'example..com',
    'example.com..',
    'exa mple.com',
    'example.com ',
    '\texample.com',
    'example.com\n',
    'example.com\0.evil.org',
    'example.com\r\nHost: evil.org',
    'example.com:443',
    'user@example.com',
    'example.com/path',
    'example.com#x',
    'example.com?x',
    'example.com\\@evil.org',
    'example.com%00.evil.org',
    'example.com%2eevil.org',
    '*.example.com',
    '_dmarc.example.com',
    'under_score.example.com',
    '-a.example.com',
    'a-.example.com',
    `${LONG}a.example`,
    `${`${LONG}.`.repeat(4)}example`,
    'bücher.example',
    // The Kelvin sign and the long s are k and s in lower and upper case.
    '\u212aelvin.example',
    'te\u017ft.example',
    'example\u3002com',
    'example\uff0ecom',
    'e\u0301xample.com',
    'exam\u200dple.com',
    '\uff11\uff12\uff17.0.0.1',
    '2130706433',
    '0x7f000001',
    '0x7f.0.0.1',
    '0x7f.1',
    '127.1',
    '127.0.1',
    '0177.0.0.1',
    '127.0.0.1.',
    '127.0.0.01',
    '127.0.0.256',
    '1.2.3.4.5',
    'example.com.0x',
    'example.123',
    '[::1]',
    '[::1',
    '::1]',
    'fe80::1%lo',
    '::ffff:127.1',
    '0:0:0:0:0:0:0:0:1',
  ])('%j is none', (text) => {
    const host = parseHost(text);
    expect(host?.kind === 'name' ? host.name : host).toBeUndefined();
  });
});

describe('a pattern', () => {
  it.each([
    ['api.example.com', 443],
    ['API.example.com:8443', 8_443],
    ['*.example.org', 443],
    ['*.example.org:65535', 65_535],
    ['8.8.8.8:53', 53],
    ['[2606:4700:4700::1111]:853', 853],
    ['xn--bcher-kva.example', 443],
  ])("'%s' is of port %d", (text, port) => expect(pattern(text).port).toBe(port));

  it.each(
    [
      '',
      '*',
      '*:443',
      '*.',
      '*.com',
      '*.*.com',
      '*example.com',
      'api.*.com',
      'api.example.*',
      '**.example.com',
      '*.example.com*',
      'localhost',
      'nats',
      'tasks',
      'localhost:443',
      'a_b.example.com',
      '*.a_b.com',
      'bücher.example',
      '\u212aelvin.example.com',
      'api.example.com:',
      'api.example.com:0',
      'api.example.com:00443',
      'api.example.com:65536',
      'api.example.com:+443',
      'api.example.com:443:443',
      'api.example.com: 443',
      'api.example.com:*',
      'https://api.example.com',
      'api.example.com/v1',
      'user@api.example.com',
      '127.0.0.1',
      '10.0.0.1:443',
      '169.254.169.254:80',
      '192.0.2.1',
      '0.0.0.0',
      '2130706433',
      '127.1',
      '[::1]',
      '[fd00:ec2::254]:80',
      '[::ffff:8.8.8.8]',
      '[64:ff9b::8.8.8.8]',
      '[2002:808:808::1]',
      '2606:4700:4700::1111',
      '[8.8.8.8]',
      '[api.example.com]',
      '*.8.8.8.8',
      '[2606:4700:4700::1111',
      '[2606:4700:4700::1111]853',
    ].filter((text) => text !== 'metadata.google.internal.'),
  )('is not %j', (text) => expect(typeof parseHostPattern(text)).toBe('string'));

  it('covers its host in any spelling, at its port alone', () => {
    for (const host of ['api.example.com', 'API.EXAMPLE.COM', 'api.example.com.'])
      expect(allows('Api.Example.com.', host)).toBe(true);
    expect(allows('api.example.com', 'api.example.com', 80)).toBe(false);
    expect(allows('api.example.com:80', 'api.example.com')).toBe(false);
    for (const host of ['example.com', 'xapi.example.com', 'x.api.example.com', 'api.example.com.evil.org'])
      expect(allows('api.example.com', host)).toBe(false);
  });

  it('with a star covers what is below a name, and neither it nor what only ends alike', () => {
    for (const host of ['a.example.org', 'a.b.example.org', 'A.Example.Org.'])
      expect(allows('*.example.org', host)).toBe(true);
    for (const host of [
      'example.org',
      'badexample.org',
      'a.example.org.evil.com',
      'example.org.',
      '.example.org',
    ])
      expect(allows('*.example.org', host)).toBe(false);
  });

  it('covers an address in any spelling of that address alone', () => {
    expect(allows('[2606:4700:4700::1111]', '2606:4700:4700:0:0:0:0:1111')).toBe(true);
    expect(allows('[2606:4700:4700::1111]', '2606:4700:4700::1112')).toBe(false);
    expect(allows('1.1.1.1', '1.1.1.1')).toBe(true);
    for (const other of ['::ffff:1.1.1.1', '::1.1.1.1', '::101:101'])
      expect(allows('1.1.1.1', other)).toBe(false);
    expect(allows('1.1.1.1', '1.1.1.1.example.com')).toBe(false);
    expect(allows('*.example.com', '1.1.1.1')).toBe(false);
  });

  it('covers nothing but names that are or end in its own, whatever is tried', () => {
    const label = fc.string({ unit: fc.constantFrom(...'aexmplcor-_*.:0\u212a'), maxLength: 14 });
    const spelled = fc.oneof(
      label,
      label.map((text) => `${text}.example.org`),
      label.map((text) => `example.org${text}`),
    );
    fc.assert(
      fc.property(spelled, (host) => {
        const plain = host.toLowerCase().replace(/\.$/, '');
        const isBelow = plain.endsWith('.example.org') && /^[a-z0-9.-]+$/i.test(host);
        if (allows('*.example.org', host)) expect(isBelow, host).toBe(true);
        if (allows('example.org', host)) expect(plain).toBe('example.org');
      }),
      { numRuns: 3_000 },
    );
  });

  it('once read covers the host that it names', () => {
    fc.assert(
      fc.property(fc.domain(), (domain) => {
        const parsed = parseHostPattern(domain);
        if (typeof parsed === 'string') return;
        expect(allows(domain, domain.toUpperCase())).toBe(true);
        expect(allows(`*.${domain}`, `a.${domain}`)).toBe(true);
      }),
    );
  });
});
