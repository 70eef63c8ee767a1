/** Tool definition files: what of egress and of upstream is taken, and what is refused with its place. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
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

const UPSTREAM = {
  tag: 'v1.7',
  commit: '2'.repeat(40),
  tool: 'text_editor',
  method: 'read',
  file: 'plugins/_text_editor/tools/text_editor.py',
  sha256: 'a'.repeat(64),
};
const upstreams = (change: object): object => ({
  adapter: 'agent-zero',
  upstream: { ...UPSTREAM, ...change },
});

describe("a definition of upstream's tool", () => {
  it('says where it has it from', () => {
    expect(parse(upstreams({}))).toMatchObject({ ok: true, value: { upstream: UPSTREAM } });
    const prompt = { prompt: 'prompts/x.md', promptSha256: 'b'.repeat(64) };
    expect(parse(upstreams(prompt))).toMatchObject({ ok: true, value: { upstream: prompt } });
  });

  it.each<[string, object, RegExp]>([
    [
      'no word of where',
      { adapter: 'agent-zero' },
      /^\/upstream is for the adapter agent-zero, and needed there/,
    ],
    ['a native adapter', { upstream: UPSTREAM }, /^\/upstream .* this is a tool of 'native'/],
    ['half a commit', upstreams({ commit: '2d95cd9f' }), /^\/upstream\/commit/],
    ['a branch', upstreams({ tag: 'main' }), /^\/upstream\/tag/],
    ['a hash that is none', upstreams({ sha256: 'A'.repeat(64) }), /^\/upstream\/sha256/],
    ['an absolute file', upstreams({ file: '/etc/passwd' }), /^\/upstream\/file/],
    ['a file outside', upstreams({ file: 'tools/../../x.py' }), /^\/upstream\/file leaves the tree/],
    ['a prompt without its hash', upstreams({ prompt: 'prompts/x.md' }), /promptSha256 go together/],
    ['another word', upstreams({ branch: 'main' }), /upstream/],
  ])('is refused with %s', (_what, change, reason) => {
    const parsed = parse(change);
    expect(parsed.ok ? '' : parsed.reason).toMatch(reason);
  });
});

const FOLDER = join(import.meta.dirname, '../../../images/agent-zero/definitions');
const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.json'),
);

describe("this repository's definitions of upstream's tools", () => {
  it('are there', () => {
    expect(files).toContain('1.7/code_execution_tool.json');
    expect(files).toContain('0.9.8.2/code_execution_tool.json');
  });

  it.each(files)("%s makes sense, is of its folder's release and named as its file", (name) => {
    const parsed = parseToolDefinition(readFileSync(join(FOLDER, name)), new Map([['agent-zero', 'ref']]));
    expect(parsed.ok ? '' : parsed.reason).toBe('');
    const { upstream, name: called } = (parsed as { value: { upstream?: { tag: string }; name: string } })
      .value;
    expect(`${upstream?.tag.slice(1)}/${called}.json`).toBe(name);
  });
});
