import { describe, expect, it } from 'vitest';
import {
  ARGUMENTS_DEPTH_MAX,
  SECRETS_PER_JOB_MAX,
  type JsonObject,
  type JsonValue,
  type ToolDefinition,
  type ToolName,
} from '@zerofleet/model';
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
    ['with a number', { a: { $secret: 5 } }, '/arguments/a'],
    ['in the place of all arguments', { $secret: 'TOKEN' }, '/arguments'],
    ['at a place that has to be escaped', { 'a/b~c': { $secret: 5 } }, '/arguments/a~1b~0c'],
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

  it('are looked for as deep as arguments may be, and no deeper', () => {
    const nested = (levels: number): JsonObject => ({
      a: JSON.parse('['.repeat(levels - 1) + ']'.repeat(levels - 1)) as [],
    });
    expect(secretNamesIn(nested(ARGUMENTS_DEPTH_MAX))).toEqual({ names: [] });
    for (const levels of [ARGUMENTS_DEPTH_MAX + 1, 100_000])
      expect(secretNamesIn(nested(levels))).toMatchObject({ code: 'invalid_request' });
  });

  const OTHER = { $secret: 'OTHER' };
  const text = (rest: JsonObject): JsonObject => ({ type: 'string', ...rest });
  const list = (rest: JsonObject): JsonObject => ({ type: 'array', items: { type: 'string' }, ...rest });
  it.each<[string, JsonObject, JsonValue, boolean]>([
    ['one of two words', { anyOf: [text({ const: 'x' }), text({ const: 'y' })] }, REF, true],
    ['exactly one of two patterns', text({ oneOf: [{ pattern: '^gh_' }, { pattern: '^gl_' }] }), REF, true],
    ['a text or a number', { oneOf: [text({ minLength: 9 }), { type: 'integer' }] }, REF, true],
    ['a text that is not a word', text({ not: { const: 'x' } }), REF, true],
    ['a text of a length by name', { $ref: '#/$defs/token' }, REF, true],
    ['a number', { type: 'number' }, REF, false],
    ['one of two numbers', { enum: [1, 2] }, REF, false],
    ['a constant that is no text', { const: null }, REF, false],
    ['an object', { type: 'object' }, REF, false],
    ['no two alike', list({ uniqueItems: true }), [REF, OTHER], true],
    ['no two alike', list({ uniqueItems: true }), [REF, REF], false],
    ['two at most', list({ maxItems: 2 }), [REF, OTHER, 'x'], false],
    ['short ones', list({ items: text({ maxLength: 3 }) }), [REF, 'abc'], true],
    ['short ones', list({ items: text({ maxLength: 3 }) }), [REF, 'abcd'], false],
  ])('in the place of %s (%j): %j fits: %s', (_what, schema, value, fits) => {
    const properties = { a: schema };
    const $defs = { token: text({ minLength: 40 }) };
    const tool = { ...TOOL, arguments: { type: 'object', properties, $defs } };
    const wrong = new Catalog([tool]).check(tool, { a: value });
    expect(wrong === undefined, JSON.stringify(wrong)).toBe(fits);
  });

  it('leave what other arguments ask for as it is', () => {
    const ask = (mode: JsonObject): JsonObject => ({
      if: { properties: { mode } },
      then: { properties: { b: {} }, required: ['b'] },
    });
    const tool = {
      ...TOOL,
      arguments: {
        type: 'object',
        properties: { a: { type: 'string' }, mode: { type: 'string', enum: ['x', 'y'] }, b: {} },
        required: ['mode'],
        allOf: [ask({ const: 'x' })],
      },
    };
    const catalog = new Catalog([tool]);
    expect(catalog.check(tool, { a: REF, mode: 'x' })).toMatchObject({ code: 'invalid_arguments' });
    expect(catalog.check(tool, { a: REF, mode: 'y' })).toBeUndefined();
    expect(catalog.check(tool, { a: REF, mode: 'z' })).toMatchObject({
      errors: [{ path: '/arguments/mode' }],
    });
    expect(catalog.check(tool, { a: 'x', mode: REF })).toBeUndefined();
  });

  it('cost no more where much is wrong', () => {
    const args = { token: 'x', list: Array.from({ length: 250_000 }, () => 1) };
    expect(catalog.check(TOOL, args)?.errors).toHaveLength(1);
  });
});
