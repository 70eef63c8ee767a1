/** Groups 14 and 15: files that come out of a job and go into one, and want to be somewhere or something else. */
import { gzipSync } from 'node:zlib';
import { COLLECT_BYTES_MAX, COLLECT_FILES_MAX } from '@zerofleet/model';
import { ProblemError } from '@zerofleet/sdk';
import { afterEach, describe, expect, it } from 'vitest';
import { attack, toldOf, triedIn, untilSameContainer, type AttackOptions } from './harness/attack.js';
import { ranWell } from './harness/claims.js';
import { allFine, clientOf } from './harness/fleet.js';
import { besideNeighbour } from './harness/suite.js';

type Files = NonNullable<AttackOptions['files']>;
const MIB = 1024 ** 2;
/** What the engine itself makes in a container. */
const ENGINE_FILES = ['/.dockerenv', '/etc/hostname', '/etc/hosts', '/etc/mtab', '/etc/resolv.conf'];
const beside = besideNeighbour();

afterEach(() => allFine());

const file = (path: string, data = 'x'): Files[number] => ({ path, encoding: 'utf8', data });
const named = (...paths: readonly string[]): Files => paths.map((path) => file(path));

/** Refused with the submission: there is no such job. */
const REFUSED: Readonly<Record<string, Files>> = {
  'a way up': named('../up'),
  'a way up from below': named('a/../../up'),
  'an absolute path': named('/tmp/file'),
  'the folder itself': named('.'),
  'the folder above': named('..'),
  'no name': named(''),
  'a folder': named('a/'),
  'an empty part': named('a//b'),
  'a part that is no name': named('a/./b'),
  'a NUL': named('a\0b'),
  'a part that is too long': named('x'.repeat(256)),
  'a path of 4096 bytes': named(`${'y'.repeat(200)}/`.repeat(20) + 'z'.repeat(76)),
  'one name twice': named('a', 'a'),
  'a file below a file': named('a', 'a/b'),
  'a file in the place of a folder': named('a/b', 'a'),
  'too many': named(...Array.from({ length: 33 }, (_, n) => `file-${n}`)),
  'no base64': [{ path: 'a', encoding: 'base64', data: '***' }],
};

/** Taken, and there under just that name. */
const TAKEN: readonly string[] = [
  ...['new\nline', '\u001b[2J', '-rf', '*', '$(id)', '`id`', ' ', '~', '.bashrc', 'a\\..\\b', 'C:', '...'],
  ...['x'.repeat(255), `${'d/'.repeat(300)}f`, 'proc/self/fd/0', 'dev/null', 'etc/passwd'],
  // A file system that folds case or composes letters would make one of two.
  ...['case', 'CASE', '\u00e9', 'e\u0301'],
];

/** What is asked for by name, and why it must not come. */
const SKIPPED: Readonly<Record<string, string>> = {
  ...{ link: 'symlink', 'link-to-runner': 'symlink', loop: 'symlink' },
  ...{ 'link-to-root/etc/passwd': 'symlink', 'link-up/left/plain': 'symlink', 'link-inside': 'symlink' },
  ...{ linked: 'hard_link', hard: 'hard_link', pipe: 'special', socket: 'special', sparse: 'over_limit' },
  ...{ 'hard-image': 'missing', device: 'missing', 'not-there': 'missing', closed: 'unreadable' },
};
const SWAPS = 5;

const below = (names: readonly string[]): string[] => names.map((name) => `left/${name}`);

const bytesOf = async (job: string, path: string): Promise<string> => {
  const pieces: Uint8Array[] = [];
  for await (const piece of (await clientOf('mallory').jobs.download(job, path)).content) pieces.push(piece);
  return Buffer.concat(pieces).toString('latin1');
};

describe('14 output files', () => {
  it('come when they are plain, and are left out with the reason when they are anything else', async () => {
    await beside('14 output files', async () => {
      const collect = below(['plain', 'below', ...Object.keys(SKIPPED)]);
      const end = await attack('leave-files.py', { args: ['left'], collect });
      ranWell(end);
      expect(triedIn(end)).toMatchObject({ 'hard link to the image': 'EXDEV', device: 'EPERM' });
      const { id } = end.job;
      expect(await bytesOf(id, 'left/plain')).toBe('plain\n');
      const every = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
      expect(await bytesOf(id, 'left/below/plain')).toBe(every.toString('latin1'));
      const { files, skipped } = await clientOf('mallory').jobs.files(id);
      expect(files.map(({ path }) => path).sort()).toEqual(below(['below/plain', 'plain']));
      const why = Object.fromEntries(skipped.map((skip) => [skip.path.slice('left/'.length), skip.why]));
      expect(why).toEqual(SKIPPED);
    });
  });

  it('end at their limits, and say so', async () => {
    const end = await attack('leave-files.py', { args: ['left'], collect: ['.'] });
    ranWell(end);
    expect(end.job.files).toMatchObject({ truncated: true });
    const { files, bytes: sum } = await clientOf('mallory').jobs.files(end.job.id);
    expect(files.length).toBeLessThanOrEqual(COLLECT_FILES_MAX);
    expect(sum).toBeLessThanOrEqual(COLLECT_BYTES_MAX);
    const strange = files.filter(({ path }) => path.startsWith('/') || path.split('/').includes('..'));
    expect(strange).toEqual([]);
  });

  it('are never what a name meant a moment before', async () => {
    for (let n = 0; n < SWAPS; n += 1) {
      const end = await attack('leave-files.py', { args: ['left', 'swap'], collect: ['left/swapped'] });
      ranWell(end);
      const list = await clientOf('mallory').jobs.files(end.job.id);
      for (const { path } of list.files) expect(['', 'plain\n']).toContain(await bytesOf(end.job.id, path));
    }
  });
});

const bytes = (path: string): string => Buffer.from(path).toString('base64');

describe('15 input files', () => {
  it.each(Object.entries(REFUSED))('are refused with %s', async (_, files) => {
    const refused = await attack('look-at-files.py', { files }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ProblemError);
    expect(refused).toMatchObject({ code: 'invalid_request', problem: { status: 400 } });
  });

  it('lie where their names say, whatever they mean elsewhere, and nowhere else', async () => {
    await beside('15 input files', async () => {
      const bomb = gzipSync(Buffer.alloc(64 * MIB), { level: 9 });
      const files = [
        ...named(...TAKEN),
        { path: 'bomb.gz', encoding: 'base64' as const, data: bomb.toString('base64') },
      ];
      const end = await attack('look-at-files.py', { files });
      ranWell(end);
      const found = toldOf(end, 'found') as Record<string, { kind: string; links: number; bytes?: number }>;
      const plain = Object.entries(found).filter(([, { kind }]) => kind !== 'folder');
      expect(plain.map(([path]) => path).sort()).toEqual(files.map(({ path }) => bytes(path)).sort());
      for (const [, one] of plain) expect(one).toMatchObject({ kind: 'file', links: 1, uid: true });
      expect(found[bytes('bomb.gz')]).toMatchObject({ bytes: bomb.byteLength });
      expect((toldOf(end, 'strange') as string[]).filter((path) => !ENGINE_FILES.includes(path))).toEqual([]);
      for (const next of await untilSameContainer('look-at-files.py', end)) {
        ranWell(next);
        expect(toldOf(next, 'found')).toEqual({});
      }
    });
  });
});
