/** The broker's socket in a folder that a hostile worker may have written. */
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listenOn } from './socket-file.js';

const GID = 10_002;
const isRoot = process.getuid?.() === 0;
let folder: string;
let path: string;
let server: Server;

const modeOf = (file: string): string => (statSync(file).mode & 0o7777).toString(8);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'zf-socket-'));
  path = join(folder, 'broker.sock');
  server = createServer();
});
afterEach(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

describe('the socket', () => {
  it("is the owner's alone where no group is named", async () => {
    await listenOn(server, path, 0);
    expect(modeOf(path)).toBe('600');
    expect(modeOf(folder)).toBe('700');
  });

  it.runIf(isRoot)('is for its group too, which may not write the folder any more', async () => {
    chownSync(folder, 0, GID);
    chmodSync(folder, 0o2770);
    await listenOn(server, path, GID);
    expect(modeOf(path)).toBe('660');
    expect(statSync(path).gid).toBe(GID);
    expect(modeOf(folder)).toBe('2750');
  });

  it.runIf(isRoot)('leaves a folder of another group as it is', async () => {
    chmodSync(folder, 0o1777);
    await listenOn(server, path, GID);
    expect(modeOf(folder)).toBe('1777');
  });

  it('takes the place of a folder, and of a link whose target stays as it was', async () => {
    mkdirSync(join(path, 'full'), { recursive: true });
    await listenOn(server, path, 0);
    server.close();
    const target = join(folder, 'target');
    writeFileSync(target, 'x', { mode: 0o640 });
    rmSync(path, { force: true });
    symlinkSync(target, path);
    server = createServer();
    await listenOn(server, path, 0);
    expect(modeOf(target)).toBe('640');
    expect(statSync(path).isSocket()).toBe(true);
  });
});
