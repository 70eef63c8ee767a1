/** What a submission becomes, and what of it is refused before anyone else sees it. */
import { posix } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  INLINE_ARGUMENTS_BYTES_MAX,
  type Decision,
  type InputFile,
  type JobEnvelope,
  type JobId,
  type TenantId,
  type ToolDefinition,
  type ToolName,
} from '@zerofleet/model';
import type { Submit } from '@zerofleet/protocol';
import { ConfigError, systemClock, type BlobStore } from '@zerofleet/runtime';
import { admit, type AdmissionOptions, type Admitted } from './admission.js';
import { Catalog } from './catalog.js';

const TOOL: ToolDefinition = {
  name: 'echo' as ToolName,
  version: 3,
  description: 'says what it was told',
  adapter: 'native',
  pool: {
    image: 'tools',
    runtime: 'runc',
    resources: { cpuMilli: 1_000, memoryMiB: 256, pids: 64, workMiB: 16, tmpMiB: 16 },
  },
  limits: { timeoutMsDefault: 10_000, timeoutMsMax: 60_000, outputBytes: 1_024 },
  reuse: 'tenant',
  arguments: { type: 'object', additionalProperties: false, properties: { text: { type: 'string' } } },
};
const ID = '0192f3a0-0000-7000-8000-000000000001' as JobId;
const DECISION: Decision = { release: 'test', adapter: 'native', mode: 'warm', revision: 7, reason: 'test' };
const stored: Uint8Array[] = [];
const blobs: BlobStore = {
  put: (bytes) => {
    stored.push(bytes);
    return Promise.resolve({ sha256: 'f'.repeat(64), bytes: bytes.byteLength });
  },
  get: () => Promise.reject(new Error('nobody reads here')),
};
const options = (store: () => BlobStore | undefined = () => blobs): AdmissionOptions => ({
  catalog: new Catalog([TOOL]),
  clock: { ...systemClock, wallMs: () => 42 },
  newJobId: () => ID,
  decision: DECISION,
  blobs: store,
});
const ask = (submit: Partial<Submit>, store?: () => BlobStore | undefined): Promise<Admitted> =>
  admit(options(store), 'ada' as TenantId, { tool: 'echo', ...submit });
const envelope = async (submit: Partial<Submit>): Promise<JobEnvelope> => {
  const admitted = await ask(submit);
  if (admitted.kind === 'refused') throw new Error(admitted.refusal.detail);
  return admitted.envelope;
};
const file = (path: string, more: Partial<InputFile> = {}): InputFile => ({
  path,
  encoding: 'utf8',
  data: '',
  ...more,
});

describe('admission', () => {
  it('stamps the job with tenant, tool version, decision, time and defaults', async () => {
    expect(await envelope({})).toEqual({
      id: ID,
      tenant: 'ada',
      tool: 'echo',
      toolVersion: 3,
      class: 'normal',
      session: null,
      decision: DECISION,
      payload: { kind: 'inline', bytes: 27, payload: { arguments: {}, files: [] } },
      timeoutMs: 10_000,
      maxAttempts: 3,
      acceptedAtMs: 42,
    });
    expect(await envelope({ timeoutMs: 60_000, maxAttempts: 1 })).toMatchObject({
      timeoutMs: 60_000,
      maxAttempts: 1,
    });
  });

  it('keeps a payload inline up to the limit, in bytes, and puts a bigger one into a blob', async () => {
    const around = JSON.stringify({ arguments: { text: '' }, files: [] }).length;
    const fits = 'é'.repeat((INLINE_ARGUMENTS_BYTES_MAX - around) / 2);
    const inline = await envelope({ arguments: { text: fits } });
    expect(inline.payload.kind).toBe('inline');
    const args = { text: `${fits}ab` };
    const big = await envelope({ arguments: args });
    expect(big.payload.kind).toBe('blob');
    expect(JSON.parse(Buffer.from(stored.at(-1) ?? []).toString())).toEqual({ arguments: args, files: [] });
  });

  it('accepts nothing that it cannot store', async () => {
    const args = { text: 'x'.repeat(INLINE_ARGUMENTS_BYTES_MAX) };
    const failing: BlobStore = { ...blobs, put: () => Promise.reject(new Error('away')) };
    for (const store of [(): undefined => undefined, () => failing]) {
      const admitted = await ask({ arguments: args }, store);
      expect(admitted).toMatchObject({ kind: 'refused', refusal: { code: 'ledger_unavailable' } });
    }
  });

  it('refuses a longer time than the tool allows, and names both', async () => {
    const admitted = await ask({ timeoutMs: 60_001 });
    expect(admitted).toMatchObject({ kind: 'refused', refusal: { code: 'invalid_request' } });
    expect(JSON.stringify(admitted)).toMatch(/60001.*60000/);
  });

  it('takes no file whose path could leave the work directory', async () => {
    const name = fc.oneof(
      fc.constantFrom('..', '.', '', '...', 'a', 'b c', '\0', 'a\0b', '~', '..a', 'x'.repeat(256)),
      fc.string({ maxLength: 5 }),
    );
    const path = fc.array(name, { maxLength: 5 }).map((names) => names.join('/'));
    await fc.assert(
      fc.asyncProperty(path, async (text) => {
        const admitted = await ask({ files: [file(text)] });
        const full = posix.resolve('/work', text);
        const safe =
          full.startsWith('/work/') &&
          posix.relative('/work', full) === text &&
          !text.includes('\0') &&
          text.split('/').every((part) => Buffer.byteLength(part) <= 255);
        expect(admitted.kind).toBe(safe ? 'admitted' : 'refused');
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['/etc/passwd'],
    ['../secret'],
    ['a/../../secret'],
    ['a//b'],
    ['a/'],
    ['./a'],
    [`${'a/'.repeat(512)}b`],
  ])('refuses the path %j and names the file', async (path) => {
    const admitted = await ask({ files: [file('ok'), file(path)] });
    expect(admitted).toMatchObject({
      kind: 'refused',
      refusal: { code: 'invalid_request', errors: [{ path: '/files/1' }] },
    });
  });

  it('refuses a path that is there twice, and data that is not base64', async () => {
    expect((await ask({ files: [file('a/b'), file('c'), file('a/b')] })).kind).toBe('refused');
    for (const data of ['a', '====', 'ab=c', 'a b=', 'YQ', 'YQ==\n'])
      expect((await ask({ files: [file('a', { encoding: 'base64', data })] })).kind).toBe('refused');
    await fc.assert(
      fc.asyncProperty(fc.uint8Array(), async (bytes) => {
        const data = Buffer.from(bytes).toString('base64');
        expect((await ask({ files: [file('a', { encoding: 'base64', data })] })).kind).toBe('admitted');
      }),
      { numRuns: 30 },
    );
  });
});

describe('catalog', () => {
  it('does not start with a schema that is broken, and names the tool', () => {
    const broken = { ...TOOL, arguments: { type: 'objekt' } };
    expect(() => new Catalog([broken])).toThrow(ConfigError);
    expect(() => new Catalog([broken])).toThrow(/^tool echo: /);
  });

  it('says where arguments do not fit, and which property is too much', () => {
    const catalog = new Catalog([TOOL]);
    expect(catalog.check(TOOL, { text: 'hi' })).toBeUndefined();
    expect(catalog.check(TOOL, { text: 1 })).toMatchObject({
      code: 'invalid_arguments',
      errors: [{ path: '/arguments/text', message: 'must be string' }],
    });
    expect(catalog.check(TOOL, { colour: 1 })?.errors?.[0]?.message).toContain("'colour'");
  });

  it('finds no tool by the name of something that every object has', () => {
    const catalog = new Catalog([TOOL]);
    for (const name of ['constructor', '__proto__', 'toString']) expect(catalog.find(name)).toBeUndefined();
  });
});
