import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXIT } from '@zerofleet/model';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { answer, fakeApi, JOB_ID, zerofleetHere, type FakeApi } from './fake-api.test.helper.js';

type Route = Parameters<typeof fakeApi>[0][string];

let folder: string;
let api: FakeApi | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'zf-files-'));
});
afterEach(async () => {
  await api?.close();
  api = undefined;
  rmSync(folder, { recursive: true });
});

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const bytesOf = (text: string, sent = text): Route => {
  const digest = createHash('sha256').update(text).digest('base64');
  const headers = { 'content-length': text.length, 'repr-digest': `sha-256=:${digest}:` };
  return (reply) => {
    reply.writeHead(200, headers);
    if (sent.length === text.length) reply.end(sent);
    else reply.write(sent, () => reply.destroy());
  };
};
const listOf = (...paths: string[]): Route =>
  answer(200, {
    ...{ id: JOB_ID, count: paths.length, bytes: 1, truncated: false, skippedMore: 0 },
    files: paths.map((path) => ({ path, bytes: 2, sha256: sha256(path) })),
    skipped: [{ path: 'dev\u001b[2J', why: 'not a file' }],
  });
const AT = `GET /v1/jobs/${JOB_ID}/files`;

const run = async (routes: Parameters<typeof fakeApi>[0], ...words: string[]) => {
  api = await fakeApi(routes);
  return zerofleetHere(api.url, 'files', JOB_ID, ...words);
};

describe('zerofleet files', () => {
  it('lists what was kept and what was not, without what would write over the terminal', async () => {
    const { code, stdout } = await run({ [AT]: listOf('out/a') });
    expect(code).toBe(EXIT.ok);
    expect(stdout).toMatch(/out\/a/);
    expect(stdout).toMatch(/not a file/);
    expect(stdout).not.toContain('\u001b');
  });

  it('writes one to stdout as it is', async () => {
    const { code, stdout } = await run({ [`${AT}/out/a`]: bytesOf('hello') }, 'out/a');
    expect([code, stdout]).toEqual([EXIT.ok, 'hello']);
  });

  it('writes all of them below a folder', async () => {
    const routes = { [AT]: listOf('out/a', 'b'), [`${AT}/out/a`]: bytesOf('aa'), [`${AT}/b`]: bytesOf('bb') };
    const { code } = await run(routes, '-o', join(folder, 'new'));
    expect(code).toBe(EXIT.ok);
    expect(readFileSync(join(folder, 'new/out/a'), 'utf8')).toBe('aa');
    expect(readFileSync(join(folder, 'new/b'), 'utf8')).toBe('bb');
    expect(readdirSync(join(folder, 'new')).sort()).toEqual(['b', 'out']);
  });

  it.each(['../x', 'a/../../x', '/etc/x', 'a//b', './a', 'a\0b'])(
    'writes nothing at all for a file named %j',
    async (path) => {
      const { code, stderr } = await run(
        { [AT]: listOf('fine', path), [`${AT}/fine`]: bytesOf('ok') },
        '-o',
        folder,
      );
      expect(code).toBe(EXIT.usage);
      expect(stderr).toMatch(/^zerofleet: .* does not stay in /);
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  it('goes through no symlink that stands in its way', async () => {
    const outside = join(folder, 'outside');
    mkdirSync(outside);
    mkdirSync(join(folder, 'in'));
    symlinkSync(outside, join(folder, 'in', 'out'));
    const { code } = await run(
      { [AT]: listOf('out/a'), [`${AT}/out/a`]: bytesOf('aa') },
      '-o',
      join(folder, 'in'),
    );
    expect(code).toBe(EXIT.usage);
    expect(readdirSync(outside)).toEqual([]);
  });

  it('leaves what is there, unless told otherwise', async () => {
    const place = join(folder, 'a');
    writeFileSync(place, 'mine');
    const routes = { [`${AT}/a`]: bytesOf('theirs') };
    expect(await run(routes, 'a', '-o', folder)).toMatchObject({ code: EXIT.usage });
    expect(readFileSync(place, 'utf8')).toBe('mine');
    await api?.close();
    expect(await run(routes, 'a', '-o', folder, '--force')).toMatchObject({ code: EXIT.ok });
    expect(readFileSync(place, 'utf8')).toBe('theirs');
  });

  it.each([
    ['breaks off', 'hel'],
    ['is another one', 'hellO'],
  ])('leaves nothing of a file that %s', async (_, sent) => {
    const { code, stderr } = await run({ [`${AT}/a`]: bytesOf('hello', sent) }, 'a', '-o', join(folder, 'a'));
    expect(code).not.toBe(EXIT.ok);
    expect(stderr).toMatch(/^zerofleet: [^\n]*\n$/);
    expect(existsSync(join(folder, 'a'))).toBe(false);
    expect(readdirSync(folder)).toEqual([]);
  });
});
