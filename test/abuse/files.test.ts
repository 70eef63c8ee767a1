/** Group 15: input files with names and contents that want to be somewhere or something else. */
import { gzipSync } from 'node:zlib';
import { ProblemError } from '@zerofleet/sdk';
import { afterEach, describe, expect, it } from 'vitest';
import { attack, toldOf, untilSameContainer, type AttackOptions } from './harness/attack.js';
import { ranWell } from './harness/claims.js';
import { allFine } from './harness/fleet.js';
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
