/** The link and the real runner, as a subprocess: a session from its first call to another runner that goes on with it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ProcessEngine } from '../engine/process-engine.js';
import { RunnerLink, type RunSpec } from './runner-link.js';

const runnerDir = new URL('../../../../images/tools/runner', import.meta.url).pathname;
const MIB = 1024 ** 2;

interface Called {
  readonly value: unknown;
  readonly output: string;
  readonly files: ReadonlyMap<string, Buffer>;
}

let scratchDir: string;
let engine: ProcessEngine;
const links: RunnerLink[] = [];

const newLink = async (): Promise<RunnerLink> => {
  const link = new RunnerLink(await engine.open());
  links.push(link);
  expect(await link.greeted).toBeUndefined();
  return link;
};

const call = async (link: RunnerLink, change: Partial<RunSpec> & { code: string }): Promise<Called> => {
  const limits = { timeoutMs: 5_000, outputBytes: 100_000, resultBytes: 10_000 };
  const { code, ...rest } = change;
  const spec = { job: 'j1', attempt: 1, tool: 'code_execution', files: [], limits, session: true, ...rest };
  const offer = await link.offer({ ...spec, arguments: { runtime: 'terminal', code, shell: 0 } });
  expect(offer).toEqual({ kind: 'acked' });
  let output = '';
  const files = new Map<string, Buffer>();
  const end = await link.go({
    started: () => undefined,
    output: (_stream, bytes) => (output += bytes.toString()),
    file: ({ path, data }) => void files.set(path, Buffer.concat([files.get(path) ?? Buffer.alloc(0), data])),
  });
  if (end.kind !== 'result') throw new Error(end.reason);
  expect(end.result.error).toBeNull();
  return { value: end.result.value, output, files };
};

describe('the real runner', () => {
  beforeEach(() => {
    scratchDir = mkdtempSync(join(tmpdir(), 'zf-runner-'));
    // Jobs run as the test's own user: as root the runner would end every process of the job's user on this machine.
    engine = new ProcessEngine({ python: 'python3', runnerDir, scratchDir, uidBase: undefined });
  });
  afterEach(async () => {
    await Promise.all(links.splice(0).map((link) => link.destroy()));
    rmSync(scratchDir, { recursive: true, force: true });
  });

  it('keeps a session, saves it, and another goes on with its files', async () => {
    const first = await newLink();
    await call(first, {
      code: 'x=5; mkdir d; cd d; head -c 3000000 /dev/urandom > big; sha256sum big > sum',
    });
    expect(await first.keep()).toBeUndefined();
    expect(await call(first, { code: 'echo $x; pwd' })).toMatchObject({
      output: expect.stringMatching(/^5\n.*\/d\n$/) as string,
      value: { exitCode: 0, shell: { number: 0, fresh: false, alive: true } },
    });
    expect(await first.keep()).toBeUndefined();
    const save = first.save(10 * MIB);
    const second = await newLink();
    const restored = await second.restore(save);
    expect(await save.end).toMatchObject({ kind: 'saved' });
    expect(restored).toMatchObject({ kind: 'restored', files: 2 });
    const { output, value } = await call(second, { code: 'cd d; sha256sum -c sum; echo ${x-none}' });
    expect(output).toBe('big: OK\nnone\n');
    expect(value).toMatchObject({ shell: { fresh: true } });
    expect(await second.reset()).toBeUndefined();
  });

  it('gives the files that were asked for, whole and in pieces', async () => {
    const link = await newLink();
    const collect = { paths: ['out'], bytesMax: 10 * MIB, countMax: 10 };
    const code =
      'mkdir -p out/d; head -c 3000000 /dev/zero > out/d/big; echo é > out/é; ln -s /etc/passwd out/link';
    const { files } = await call(link, { code, collect });
    expect([...files.keys()].sort()).toEqual(['out/d/big', 'out/é']);
    expect(files.get('out/d/big')?.byteLength).toBe(3_000_000);
    expect(await link.keep()).toBeUndefined();
  });

  it('says why a session is not saved, and goes on with it', async () => {
    const link = await newLink();
    await call(link, { code: 'x=6; head -c 3000000 /dev/zero > big' });
    await link.keep();
    expect(await link.save(2 * MIB).end).toMatchObject({
      kind: 'refused',
      refusal: { code: 'too_large' },
    });
    expect((await call(link, { code: 'echo $x' })).output).toBe('6\n');
  });
});
