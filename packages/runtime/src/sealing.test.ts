import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError } from './config.js';
import { Sealer, SealError } from './sealing.js';

const folder = mkdtempSync(join(tmpdir(), 'zerofleet-sealing-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const OLD = `old:${'1'.repeat(64)}`;
const NEW = `new:${'2'.repeat(64)}`;
const sealerOf = (...lines: string[]): Sealer => {
  const path = join(folder, 'keys');
  writeFileSync(path, `${lines.join('\n')}\n`);
  const sealer = Sealer.fromFile(path);
  if (sealer === undefined) throw new Error('no sealer');
  return sealer;
};
const ADA = { tenant: 'ada', name: 'TOKEN' };

describe('a sealed secret', () => {
  it('opens as what it was, and is another text each time', () => {
    const sealer = sealerOf(NEW);
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (value) => {
        const [one, other] = [sealer.seal(ADA, value), sealer.seal(ADA, value)];
        expect(one).not.toBe(other);
        expect(sealer.open(ADA, one)).toBe(value);
        if (value.length > 3) expect(one).not.toContain(value);
      }),
    );
  });

  it('opens for no other tenant or name, and not when any part of it was changed', () => {
    const sealer = sealerOf(NEW);
    const sealed = sealer.seal(ADA, 'correct horse');
    for (const of of [
      { tenant: 'bob', name: 'TOKEN' },
      { tenant: 'ada', name: 'OTHER' },
    ])
      expect(() => sealer.open(of, sealed)).toThrow(SealError);
    const body = sealed.slice('1.new.'.length);
    const bytes = Buffer.from(body, 'base64url');
    for (let at = 0; at < bytes.byteLength; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => sealer.open(ADA, `1.new.${changed.toString('base64url')}`)).toThrow(SealError);
    }
    for (const text of ['', '1.new.', `2.new.${body}`, `1.none.${body}`, 'correct horse'])
      expect(() => sealer.open(ADA, text)).toThrow(SealError);
  });

  it('opens after its key was rotated, until that is taken away', () => {
    const sealed = sealerOf(OLD).seal(ADA, 'correct horse');
    const both = sealerOf(NEW, OLD);
    expect(both.open(ADA, sealed)).toBe('correct horse');
    expect(both.seal(ADA, 'x')).toMatch(/^1\.new\./);
    expect(() => sealerOf(NEW).open(ADA, sealed)).toThrow('not there any more');
  });

  it.each([
    ['nothing', ''],
    ['a key that is too short', 'k:abcd'],
    ['an id twice', `${OLD}\n${OLD}`],
    ['a key alone', '1'.repeat(64)],
  ])('has no key file with %s', (_what, text) => {
    expect(() => sealerOf(text)).toThrow(ConfigError);
    expect(() => sealerOf(text)).toThrow(/^ZF_SECRETS_KEY_FILE[^\n]*$/);
  });

  it('has no sealer where there is no file', () => {
    expect(Sealer.fromFile('')).toBeUndefined();
    expect(() => Sealer.fromFile(join(folder, 'missing'))).toThrow(ConfigError);
  });
});
