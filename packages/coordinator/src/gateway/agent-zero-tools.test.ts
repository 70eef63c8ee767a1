/** The arguments that the gateway takes for Agent Zero's own tools: as models write them, and none that the tools would misread. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '@zerofleet/model';
import { readToolDefinitions } from '@zerofleet/runtime';
import { Catalog } from './catalog.js';

const FOLDER = join(import.meta.dirname, '../../../../images/agent-zero/definitions');
const catalogOf = (release: string): Catalog =>
  new Catalog(readToolDefinitions(join(FOLDER, release), new Map([['agent-zero', 'ref']])));
const CATALOG = catalogOf('1.7');

const refusal = (name: string, args: JsonObject): string | undefined => {
  const tool = CATALOG.find(name);
  if (tool === undefined) throw new Error(`no ${name}`);
  return CATALOG.check(tool, args)?.detail;
};

describe("Agent Zero's tools", () => {
  it('have schemas that compile, of each release', () => {
    expect(CATALOG.definitions.size).toBeGreaterThan(9);
    expect(catalogOf('0.9.8.2').definitions.size).toBeGreaterThan(6);
  });

  it.each<[string, JsonObject]>([
    ['code_execution_tool', { runtime: 'terminal', code: 'ls', session: '1', reset: 'False' }],
    ['code_execution_tool', { runtime: 'reset', session: 0 }],
    ['input', { keyboard: '' }],
    ['text_editor_read', { path: 'a', line_from: '2', line_to: 9 }],
    ['text_editor_patch', { path: 'a', edits: [{ from: '1', to: '-1', content: 'x' }] }],
    ['wait', {}],
    ['response', { message: 'x' }],
    ['document_query', { document: ['/work/a', '/work/b'] }],
  ])('%s takes %j', (name, args) => {
    expect(refusal(name, args)).toBeUndefined();
  });

  it.each<[string, JsonObject]>([
    ['code_execution_tool', { runtime: 'ruby', code: 'x' }],
    ['code_execution_tool', { runtime: 'terminal', code: 'x', reset: 'maybe' }],
    ['code_execution_tool', { runtime: 'terminal', code: 'x', session: 'one' }],
    ['text_editor_patch', { path: 'a', edits: [] }],
    ['response', {}],
    ['document_query', { document: 'a', query: 'what is in it?' }],
  ])('%s does not take %j', (name, args) => {
    expect(refusal(name, args)).toBeDefined();
  });
});
