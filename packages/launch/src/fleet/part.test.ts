import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../exec.js';
import { Part } from './part.js';

let folder = '';
let lines: string[] = [];
let part: Part | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'zf-part-'));
  lines = [];
});
afterEach(async () => {
  await part?.stop('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

const newPart = (script: string, ready = true): Part => {
  part = new Part(
    {
      name: 'thing',
      command: process.execPath,
      args: ['-e', script],
      env: process.env,
      logFile: join(folder, 'thing.log'),
      ready: () => Promise.resolve(ready),
      readyMs: 2_000,
    },
    (line) => lines.push(line),
  );
  return part;
};

describe('Part', () => {
  it('is started again when it is killed, and says so', async () => {
    const thing = newPart('setInterval(() => {}, 1000)');
    await thing.start();
    const first = thing.pid;
    thing.kill();
    const again = () => Promise.resolve(thing.pid !== undefined && thing.pid !== first);
    expect(await until(again, { timeoutMs: 5_000 })).toBe(true);
    expect(lines.join()).toContain('thing ended (SIGKILL) and starts again in 0.2 s');
  });

  it('stays down after stop, also when stopped twice', async () => {
    const thing = newPart('setInterval(() => {}, 1000)');
    await thing.start();
    await Promise.all([thing.stop(), thing.stop()]);
    expect(thing.pid).toBeUndefined();
    expect(lines).toEqual([]);
  });

  it('ends at once when it is stopped while a signal holds it', async () => {
    const thing = newPart('setInterval(() => {}, 1000)');
    await thing.start();
    expect(thing.kill('SIGSTOP')).toBe(thing.pid);
    await thing.stop();
    expect(thing.pid).toBeUndefined();
    expect(lines).toEqual([]);
  });

  it('is ended and started with what a deploy sets, which stays over restarts', async () => {
    const thing = newPart('console.log(`release ${process.env.ZF_RELEASE}`); setInterval(() => {}, 1000)');
    const said = (text: string) =>
      until(() => Promise.resolve(readFileSync(thing.logFile, 'utf8') === text), { timeoutMs: 5_000 });
    await thing.start();
    expect(await said('release undefined\n')).toBe(true);
    await thing.deploy({ ZF_RELEASE: 'two' });
    expect(await said('release undefined\nrelease two\n')).toBe(true);
    await thing.restart();
    expect(await said('release undefined\nrelease two\nrelease two\n')).toBe(true);
    expect(lines).toEqual([]);
  });

  it('fails with its last log line when it ends at its start', async () => {
    const thing = newPart('console.error("ZF_X must be set"); process.exit(2)', false);
    await expect(thing.start()).rejects.toThrow('thing ended at its start: ZF_X must be set');
    expect(thing.pid).toBeUndefined();
  });
});
