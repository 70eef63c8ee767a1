import { describe, expect, it } from 'vitest';
import { SECRETS_PER_JOB_MAX, type JsonObject, type ToolDefinition, type ToolName } from '@zerofleet/model';
import { Catalog } from './catalog.js';
import { secretNamesIn } from './secret-refs.js';

const TOOL: ToolDefinition = {
  name: 'push' as ToolName,
  version: 1,
  description: 'pushes',
  adapter: 'native',
  pool: {
    image: 'tools',
    runtime: 'runc',
    resources: { cpuMilli: 1, memoryMiB: 1, pids: 1, workMiB: 1, tmpMiB: 1 },
  },
  limits: { timeoutMsDefault: 1, timeoutMsMax: 1, outputBytes: 1 },
  reuse: 'tenant',
  arguments: {
    type: 'object',
    additionalProperties: false,
    required: ['token'],
    properties: {
      token: { type: 'string', minLength: 40, pattern: '^gh_' },
      times: { type: 'integer' },
      list: { type: 'array', items: { type: 'string', enum: ['a', 'b'] } },
    },
  },
};
const catalog = new Catalog([TOOL]);
const REF = { $secret: 'TOKEN' };

describe('references to secrets', () => {
  it('are found wherever they stand, once each', () => {
    const args: JsonObject = { a: REF, b: [{ c: { $secret: 'OTHER' } }, REF], d: 'x', e: null };
    expect(secretNamesIn(args)).toEqual({ names: ['OTHER', 'TOKEN'] });
    expect(secretNamesIn({ a: 'TOKEN', b: { secret: 'TOKEN' } })).toEqual({ names: [] });
  });

  it.each<[string, JsonObject, string]>([
    ['with more members', { a: { $secret: 'TOKEN', b: 1 } }, '/arguments/a'],
    ['without a name', { a: [{ $secret: '' }] }, '/arguments/a/0'],
    ['with a name that is none', { a: { b: { $secret: 'no name' } } }, '/arguments/a/b'],
    ['with a number', { $secret: 5 }, '/arguments'],
    [
      'too many',
      Object.fromEntries(
        Array.from({ length: SECRETS_PER_JOB_MAX + 1 }, (_, n) => [`a${n}`, { $secret: `S${n}` }]),
      ),
      '/arguments',
    ],
  ])('%s are refused, with their place', (_what, args, path) => {
    expect(secretNamesIn(args)).toMatchObject({ code: 'invalid_request', errors: [{ path }] });
  });

  it('stand for a text of any content, and for nothing but a text', () => {
    expect(catalog.check(TOOL, { token: REF })).toBeUndefined();
    expect(catalog.check(TOOL, { token: REF, list: [REF, 'a'] })).toBeUndefined();
    expect(catalog.check(TOOL, { token: REF, times: REF })).toMatchObject({ code: 'invalid_arguments' });
    expect(catalog.check(TOOL, { token: REF, list: [REF, 'c'] })).toMatchObject({
      errors: [{ path: '/arguments/list/1' }],
    });
    // What is no reference is checked as it is.
    expect(catalog.check(TOOL, { token: 'short' })).toMatchObject({ code: 'invalid_arguments' });
    expect(catalog.check(TOOL, { token: REF, extra: REF })).toMatchObject({ code: 'invalid_arguments' });
  });
});
