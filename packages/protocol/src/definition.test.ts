/** Tool definition files: what of egress is taken, and what is refused with its place. */
import { describe, expect, it } from 'vitest';
import { EGRESS_HOSTS_MAX } from '@zerofleet/model';
import { parseToolDefinition } from './definition.js';

const FILE = {
  name: 'fetch',
  version: 1,
  description: 'Fetches.',
  adapter: 'native',
  image: 'tools',
  runtime: 'runc',
  resources: { cpuMilli: 1, memoryMiB: 1, pids: 1, workMiB: 1, tmpMiB: 1 },
  limits: { timeoutMsDefault: 1, timeoutMsMax: 1, outputBytes: 1 },
  reuse: 'tenant',
  arguments: { type: 'object' },
};
const parse = (change: object): ReturnType<typeof parseToolDefinition> =>
  parseToolDefinition(Buffer.from(JSON.stringify({ ...FILE, ...change })), new Map([['tools', 'ref']]));

describe('a definition', () => {
  it('without egress has none', () => {
    const parsed = parse({});
    expect(parsed).toMatchObject({ ok: true, value: { name: 'fetch', pool: { image: 'ref' } } });
    expect(parsed.ok && 'egress' in parsed.value).toBe(false);
  });

  it('lists hosts in lower case', () => {
    const hosts = ['API.example.com', '*.Example.org:8443', '[2606:4700::1111]:853'];
    expect(parse({ egress: { hosts } })).toMatchObject({
      ok: true,
      value: { egress: { hosts: ['api.example.com', '*.example.org:8443', '[2606:4700::1111]:853'] } },
    });
  });

  it.each<[string, unknown, RegExp]>([
    ['a star alone', { hosts: ['api.example.com', '*'] }, /^\/egress\/hosts\/1 .*star/],
    ['a private address', { hosts: ['10.0.0.1'] }, /^\/egress\/hosts\/0 .*private/],
    ['letters beyond ASCII', { hosts: ['bücher.example'] }, /punycode/],
    ['a host twice', { hosts: ['a.example', 'A.example'] }, /'A.example' is listed twice/],
    ['no host', { hosts: [] }, /^\/egress\/hosts/],
    ['nothing', {}, /egress/],
    ['another word', { hosts: ['a.example'], ports: [1] }, /egress/],
    ['too many', { hosts: Array.from({ length: EGRESS_HOSTS_MAX + 1 }, (_, n) => `h${n}.example`) }, /hosts/],
    ['no list', ['a.example'], /egress/],
  ])('is refused with %s', (_what, egress, reason) => {
    const parsed = parse({ egress });
    expect(parsed.ok ? '' : parsed.reason).toMatch(reason);
  });
});
