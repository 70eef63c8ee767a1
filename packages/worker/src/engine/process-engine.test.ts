/** Runners as subprocesses: the real runner, its folders, its end. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RunnerLink, type RunSpec } from '../runner/runner-link.js';
import { ProcessEngine } from './process-engine.js';

const runnerDir = new URL('../../../../images/tools/runner', import.meta.url).pathname;
const spec: RunSpec = {
  job: 'j1',
  attempt: 1,
  tool: 'echo',
  arguments: { text: 'hello' },
  files: [],
  limits: { timeoutMs: 5_000, outputBytes: 1_000, resultBytes: 10_000 },
};
const quiet = { started: () => undefined, output: () => undefined };
let scratchDir: string;

/** Jobs run as the test's own user: as root the runner would end every process of the job's user on this machine. */
const newEngine = (): ProcessEngine =>
  new ProcessEngine({ python: 'python3', runnerDir, scratchDir, uidBase: undefined });

describe('process engine', () => {
  beforeEach(() => {
    scratchDir = mkdtempSync(join(tmpdir(), 'zf-process-'));
  });
  afterEach(() => rmSync(scratchDir, { recursive: true, force: true }));

  it('runs a tool, resets, runs again, and leaves nothing', async () => {
    const link = new RunnerLink(await newEngine().open());
    expect(await link.greeted).toBeUndefined();
    for (let turn = 0; turn < 2; turn += 1) {
      expect(await link.offer(spec)).toEqual({ kind: 'acked' });
      expect(await link.go(quiet)).toMatchObject({
        kind: 'result',
        result: { ok: true, value: { text: 'hello' } },
      });
      expect(await link.reset()).toBeUndefined();
    }
    await link.destroy();
    expect(readdirSync(scratchDir)).toEqual([]);
  });

  it('refuses a tool that is not there, before anything ran', async () => {
    const link = new RunnerLink(await newEngine().open());
    await link.greeted;
    expect(await link.offer({ ...spec, tool: 'nothing' })).toMatchObject({
      kind: 'refused',
      nak: { code: 'unknown_tool' },
    });
    await link.destroy();
  });

  it('removes what an earlier life left, and nothing else', () => {
    mkdirSync(join(scratchDir, 'runner-0-left', 'work'), { recursive: true });
    mkdirSync(join(scratchDir, 'other'));
    newEngine();
    expect(readdirSync(scratchDir)).toEqual(['other']);
  });
});
