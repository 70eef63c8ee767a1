import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { beganOf, isAlive, MadeFile } from './made.js';

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'zf-made-'));
  path = join(folder, 'state.json');
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('MadeFile', () => {
  it('keeps what was added, in order, until it is dropped', () => {
    const made = new MadeFile(path);
    const first = made.add({ kind: 'swarm' });
    made.add({ kind: 'stack', name: 'zerofleet' });
    made.drop(first);
    expect(new MadeFile(path).list().map((entry) => entry.thing)).toEqual([
      { kind: 'stack', name: 'zerofleet' },
    ]);
  });

  it('is on disk when add returns', () => {
    new MadeFile(path).add({ kind: 'swarm' });
    expect(readFileSync(path, 'utf8')).toContain('"swarm"');
  });

  it('tells things of a launcher that is gone from those of one that runs', () => {
    new MadeFile(path).add({ kind: 'swarm' });
    const gone = new MadeFile(path, { pid: process.pid, began: 'another time' });
    gone.add({ kind: 'folder', path: '/nowhere' });
    expect(gone.abandoned().map((entry) => entry.thing.kind)).toEqual(['folder']);
  });

  it('takes a broken file for an empty one', () => {
    writeFileSync(path, '{"version":1,"ent');
    expect(new MadeFile(path).list()).toEqual([]);
  });

  it('takes over a lock that was left behind', () => {
    writeFileSync(`${path}.lock`, '');
    const longAgo = new Date(Date.now() - 60_000);
    utimesSync(`${path}.lock`, longAgo, longAgo);
    expect(new MadeFile(path).add({ kind: 'swarm' })).toBe(1);
  });
});

describe('isAlive', () => {
  it('knows this process, and none that is gone', () => {
    expect(isAlive({ pid: process.pid, began: beganOf(process.pid) ?? 'none' })).toBe(true);
    expect(isAlive({ pid: 2 ** 22 + 1, began: '1' })).toBe(false);
  });
});
