import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Interrupted } from './errors.js';
import { MadeFile } from './made.js';
import { recover, Session } from './session.js';

let folder = '';
let made: MadeFile;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'zf-session-'));
  made = new MadeFile(join(folder, 'state.json'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('Session', () => {
  it('undoes in reverse order, each thing once', async () => {
    const session = new Session(made);
    const order: string[] = [];
    session.atEnd('a', () => Promise.resolve(void order.push('a')));
    session.atEnd('b', () => Promise.resolve(void order.push('b')));
    await Promise.all([session.close(), session.close()]);
    expect(order).toEqual(['b', 'a']);
  });

  it('goes on when one thing cannot be undone', async () => {
    const session = new Session(made);
    const path = join(folder, 'thing');
    session.make({ kind: 'folder', path });
    mkdirSync(path);
    session.atEnd('b', () => Promise.reject(new Error('stuck')));
    await session.close();
    expect(existsSync(path)).toBe(false);
    expect(made.list()).toEqual([]);
  });

  it('makes nothing after a signal', () => {
    const session = new Session(made);
    session.interrupt('SIGTERM');
    expect(() => session.make({ kind: 'swarm' })).toThrow(Interrupted);
    expect(made.list()).toEqual([]);
    expect(() => session.check()).toThrow(expect.objectContaining({ exitCode: 143 }));
  });

  it('notes what stays only once', () => {
    const session = new Session(made);
    session.keep({ kind: 'images', prefix: 'p' });
    session.keep({ kind: 'images', prefix: 'p' });
    expect(made.list()).toHaveLength(1);
  });
});

describe('recover', () => {
  it('takes away what a launcher left that is gone, and keeps images', async () => {
    const path = join(folder, 'left');
    mkdirSync(path);
    const gone = new MadeFile(join(folder, 'state.json'), { pid: 2 ** 22 + 1, began: '1' });
    gone.add({ kind: 'folder', path });
    gone.add({ kind: 'images', prefix: 'p' });
    expect(await recover(made)).toBe(1);
    expect(existsSync(path)).toBe(false);
    expect(made.list().map((entry) => entry.thing.kind)).toEqual(['images']);
  });
});
