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
import { Controls } from '../controls/controls.js';
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
const CATALOG = new Catalog([TOOL]);
const NOW_MS = Date.parse('2026-01-01T00:00:00Z');
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
  catalog: CATALOG,
  clock: { ...systemClock, wallMs: () => NOW_MS },
  newJobId: () => ID,
  decision: DECISION,
  controls: new Controls(),
  blobs: store,
});
/** A body without its tool. */
type Body = Partial<Submit>;
const ask = (submit: Body, store?: () => BlobStore | undefined, key?: string): Promise<Admitted> =>
  admit(options(store), 'ada' as TenantId, { tool: 'echo', ...submit }, key);
const envelope = async (submit: Body, key?: string): Promise<JobEnvelope> => {
  const admitted = await ask(submit, undefined, key);
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
      decision: DECISION,
      payload: { kind: 'inline', bytes: 27, payload: { arguments: {}, files: [] } },
      timeoutMs: 10_000,
      maxAttempts: 3,
      acceptedAtMs: NOW_MS,
      extras: null,
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

describe('times and retries', () => {
  const extras = async (submit: Body): Promise<JobEnvelope['extras']> => (await envelope(submit)).extras;
  const DAY_MS = 86_400_000;

  it('become times of this clock', async () => {
    expect(await extras({ delayMs: 1_500 })).toEqual({ runAtMs: NOW_MS + 1_500 });
    expect(await extras({ deadlineMs: 500 })).toEqual({ deadlineAtMs: NOW_MS + 500 });
    expect(await extras({ delayMs: 100, deadlineMs: 101 })).toEqual({
      runAtMs: NOW_MS + 100,
      deadlineAtMs: NOW_MS + 101,
    });
    expect(await extras({ delayMs: 366 * DAY_MS })).toEqual({ runAtMs: NOW_MS + 366 * DAY_MS });
  });

  it.each([
    ['2026-01-01T00:00:10Z', 10_000],
    ['2026-01-01T00:01Z', 60_000],
    ['2026-01-01T02:00:10.5+02:00', 10_500],
    ['2025-12-31T23:30:00.000-01:00', 1_800_000],
    ['2026-01-01T00:00:00.123456789Z', 123],
  ])('runAt %s is read with its zone', async (runAt, inMs) => {
    expect(await extras({ runAt })).toEqual({ runAtMs: NOW_MS + inMs });
  });

  it('of the past mean now, which a deadline does not mind', async () => {
    expect(await extras({ runAt: '2020-01-01T00:00:00Z' })).toBeNull();
    expect(await extras({ delayMs: 0 })).toBeNull();
    expect(await extras({ runAt: '2020-01-01T00:00:00Z', deadlineMs: 1 })).toEqual({
      deadlineAtMs: NOW_MS + 1,
    });
  });

  it('of a retry policy have defaults that fit each other', async () => {
    const retry = async (policy: object): Promise<unknown> =>
      (await extras({ retry: { on: ['tool_error'], ...policy } }))?.retry;
    expect(await retry({})).toEqual({ on: ['tool_error'], baseMs: 1_000, capMs: 60_000 });
    expect(await retry({ baseMs: 90_000 })).toMatchObject({ baseMs: 90_000, capMs: 90_000 });
    expect(await retry({ baseMs: 5, capMs: 5 })).toMatchObject({ baseMs: 5, capMs: 5 });
    expect(await retry({ capMs: 500 })).toMatchObject({ baseMs: 500, capMs: 500 });
  });

  it.each<[string, Body, string]>([
    ['both runAt and delayMs', { runAt: '2026-01-02T00:00:00Z', delayMs: 1 }, '/runAt'],
    ['no zone', { runAt: '2026-01-02T00:00:00' }, '/runAt'],
    ['a date alone', { runAt: '2026-01-02' }, '/runAt'],
    ['words', { runAt: 'tomorrow' }, '/runAt'],
    ['a number', { runAt: '1767225600000' }, '/runAt'],
    ['a 13th month', { runAt: '2026-13-01T00:00:00Z' }, '/runAt'],
    ['a 30th of February', { runAt: '2026-02-30T00:00:00Z' }, '/runAt'],
    ['400 days ahead', { runAt: '2027-02-05T00:00:00Z' }, '/runAt'],
    ['a deadline before the start', { delayMs: 1_000, deadlineMs: 999 }, '/deadlineMs'],
    ['a deadline at the start', { delayMs: 1_000, deadlineMs: 1_000 }, '/deadlineMs'],
    ['a cap below the base', { retry: { on: ['killed'], baseMs: 20, capMs: 10 } }, '/retry/capMs'],
  ])('are refused with %s, and the place is named', async (_what, submit, path) => {
    expect(await ask(submit)).toMatchObject({
      kind: 'refused',
      refusal: { code: 'invalid_request', errors: [{ path }] },
    });
  });
});

describe('an idempotency key', () => {
  const hash = async (submit: Body): Promise<string | undefined> =>
    (await envelope(submit, 'k')).extras?.idempotency?.hash;

  it('comes with a hash that the order of members does not change', async () => {
    expect((await envelope({}, 'k')).extras).toEqual({
      idempotency: { key: 'k', hash: expect.stringMatching(/^[\w-]{22}$/) as string },
    });
    const file1 = { path: 'a', encoding: 'utf8', data: 'x' } as const;
    const file2 = { data: 'x', encoding: 'utf8', path: 'a' } as const;
    expect(await hash({ arguments: { text: 'a' }, files: [file1], timeoutMs: 5 })).toBe(
      await hash({ timeoutMs: 5, files: [file2], arguments: { text: 'a' } }),
    );
  });

  it('has another hash for anything else that is submitted', async () => {
    const bodies: Body[] = [
      {},
      { arguments: {} },
      { arguments: { text: 'a' } },
      { arguments: { text: 'b' } },
      { timeoutMs: 5 },
      { maxAttempts: 5 },
      { delayMs: 5 },
      { runAt: '2026-01-02T00:00:00Z' },
      { deadlineMs: 5 },
      { retry: { on: ['killed'] } },
      { retry: { on: ['killed', 'timed_out'] } },
      { files: [file('a'), file('b')] },
      { files: [file('b'), file('a')] },
    ];
    expect(new Set(await Promise.all(bodies.map(hash))).size).toBe(bodies.length);
  });

  it('has the same hash whenever it comes: not the time, but what was written is hashed', async () => {
    const at = async (wallMs: number): Promise<unknown> => {
      const later = { ...options(), clock: { ...systemClock, wallMs: () => wallMs } };
      const admitted = await admit(later, 'ada' as TenantId, { tool: 'echo', delayMs: 9 }, 'k');
      return admitted.kind === 'admitted' ? admitted.envelope.extras?.idempotency : admitted;
    };
    expect(await at(NOW_MS)).toEqual(await at(NOW_MS + 3_600_000));
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
