import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SECRET_BYTES_MAX } from '@zerofleet/model';
import { Mask, SecretForms } from './mask.js';

/** Shows `bytes` cut at `cuts`. */
const shown = (forms: SecretForms, bytes: Buffer, cuts: readonly number[]): Buffer => {
  const mask = new Mask(forms);
  const places = [...new Set(cuts.map((cut) => cut % (bytes.byteLength + 1)))].sort((a, b) => a - b);
  const parts: Buffer[] = [];
  let from = 0;
  for (const to of [...places, bytes.byteLength]) {
    parts.push(mask.push(bytes.subarray(from, to)));
    from = to;
  }
  return Buffer.concat([...parts, mask.end()]);
};
/** Few letters, so that secrets overlap with themselves and with each other. */
const secret = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 8, maxLength: 12 }),
  fc.string({ unit: 'grapheme', minLength: 8, maxLength: 20 }),
);
const encodings = ['utf8', 'json', 'url', 'base64', 'base64url', 'hex'] as const;
const written = (value: string, how: (typeof encodings)[number], before: string): string => {
  switch (how) {
    case 'utf8':
      return value;
    case 'json':
      return JSON.stringify(value);
    case 'url':
      return encodeURIComponent(value);
    case 'base64':
    case 'base64url':
    case 'hex':
      return Buffer.from(before + value).toString(how);
  }
};

describe('a mask', () => {
  it('shows no occurrence of a secret in any form, however the stream is cut', () => {
    const piece = fc.record({
      which: fc.nat(3),
      how: fc.constantFrom(...encodings),
      before: fc.string({ maxLength: 4 }),
      after: fc.string({ unit: fc.constantFrom('a', 'b', 'x', '\n'), maxLength: 6 }),
    });
    fc.assert(
      fc.property(
        fc.array(secret, { minLength: 1, maxLength: 3 }),
        fc.array(piece, { maxLength: 6 }),
        fc.array(fc.nat(400), { maxLength: 12 }),
        (values, pieces, cuts) => {
          const text = pieces
            .map(
              ({ which, how, before, after }) =>
                written(values[which % values.length] ?? '', how, before) + after,
            )
            .join('|');
          const forms = new SecretForms(values);
          const out = shown(forms, Buffer.from(text), cuts);
          for (const pattern of forms.patterns) expect(out.includes(pattern)).toBe(false);
          // However it is cut, the same is shown.
          expect(out.equals(shown(forms, Buffer.from(text), []))).toBe(true);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it.each(encodings)('knows a secret written as %s, whatever stands around it', (how) => {
    const value = 'correct/horse+battery=staple ü';
    const forms = new SecretForms([value]);
    for (const before of ['', 'x', 'xy', 'xyz'])
      expect(forms.hide(`<${written(value, how, before)}>`)).toMatch(/^<.{0,8}\*\*\*.{0,3}>$/);
  });

  it('passes on what holds no secret, byte for byte', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.array(fc.nat(300), { maxLength: 8 }),
        (bytes, cuts) => {
          const forms = new SecretForms(['correct horse battery staple']);
          fc.pre(!forms.patterns.some((pattern) => Buffer.from(bytes).includes(pattern)));
          expect(shown(forms, Buffer.from(bytes), cuts).equals(Buffer.from(bytes))).toBe(true);
        },
      ),
    );
  });

  it('waits only for what may become a secret', () => {
    const mask = new Mask(new SecretForms(['swordfish']));
    expect(mask.push(Buffer.from('plain text ')).toString()).toBe('plain text ');
    expect(mask.push(Buffer.from('a sword')).toString()).toBe('a ');
    expect(mask.push(Buffer.from('s')).toString()).toBe('sword');
    expect(mask.push(Buffer.from('wordfish!')).toString()).toBe('***!');
    expect(mask.end().toString()).toBe('');
  });

  it('hides occurrences that overlap as one, also without end', () => {
    const mask = new Mask(new SecretForms(['aaaaaaaa']));
    let out = mask.push(Buffer.from('x')).toString();
    for (let n = 0; n < 1_000; n += 1) out += mask.push(Buffer.from('aaa')).toString();
    out += mask.push(Buffer.from('y')).toString() + mask.end().toString();
    expect(out).toBe('x***y');
  });

  it('hides what stands in a result, in texts, names and numbers', () => {
    const forms = new SecretForms(['12345678', 'line one!\nline two!']);
    expect(
      forms.hideIn({ a: ['x12345678y', 12_345_678], '12345678': null, b: 'see line two! there', c: 5 }),
    ).toEqual({
      a: ['x***y', '***'],
      '***': null,
      b: 'see *** there',
      c: 5,
    });
  });

  it('shows what hiding all occurrences at once would show', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 8, maxLength: 12 });
    fc.assert(
      fc.property(
        fc.array(word, { minLength: 1, maxLength: 3 }),
        fc.string({ unit: fc.constantFrom('a', 'a', 'b', 'b', 'c'), maxLength: 80 }),
        fc.array(fc.nat(80), { maxLength: 12 }),
        (values, text, cuts) => {
          const forms = new SecretForms(values);
          const bytes = Buffer.from(text);
          expect(shown(forms, bytes, cuts).toString()).toBe(hiddenAtOnce(forms.patterns, bytes));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('does not show what may go on where the output was cut off', () => {
    const forms = new SecretForms(['swordfish', 'fish and chips']);
    for (const [text, whole, cut] of [
      ['a sword', 'a sword', 'a ***'],
      ['a swordfish', 'a ***', 'a ***'],
      ['a swordfish and', 'a *** and', 'a ***'],
      ['a line\n', 'a line\n', 'a line\n'],
    ] as const) {
      expect(forms.hide(text)).toBe(whole);
      expect(forms.hide(text, true)).toBe(cut);
    }
  });

  it('hides the whole of a result that has a secret across its texts, and of one too deep to be looked through', () => {
    const forms = new SecretForms(['"user":"ada","pin":1234']);
    expect(forms.hideIn({ user: 'ada', pin: 1234 })).toBe('***');
    expect(forms.hideIn({ user: 'ada', pin: 1235 })).toEqual({ user: 'ada', pin: 1235 });
    const deep = JSON.parse('['.repeat(100_000) + ']'.repeat(100_000)) as [];
    expect(forms.hideIn(deep)).toBe('***');
  });

  it('leaves a text that is no UTF-8 as it is', () => {
    expect(new SecretForms(['swordfish']).hideIn(['\ud800', 'a\udfff'])).toEqual(['\ud800', 'a\udfff']);
  });

  it('costs no more where each place of the output begins an occurrence and ends one', () => {
    const mask = new Mask(new SecretForms(['a'.repeat(SECRET_BYTES_MAX)]));
    let bytes = 0;
    for (let n = 0; n < 256; n += 1) bytes += mask.push(Buffer.alloc(65_536, 'a')).byteLength;
    bytes += mask.push(Buffer.from('b')).byteLength + mask.end().byteLength;
    expect(bytes).toBe('***b'.length);
  });
});

/** The law: what belongs to an occurrence of a pattern is hidden, and those that overlap as one. */
const hiddenAtOnce = (patterns: readonly Buffer[], bytes: Buffer): string => {
  const found = patterns
    .flatMap((pattern) => {
      const places: { from: number; to: number }[] = [];
      for (let from = bytes.indexOf(pattern); from >= 0; from = bytes.indexOf(pattern, from + 1))
        places.push({ from, to: from + pattern.byteLength });
      return places;
    })
    .sort((a, b) => a.from - b.from);
  let text = '';
  let hiddenTo = 0;
  for (const { from, to } of found) {
    if (from >= hiddenTo) text += `${bytes.toString('utf8', hiddenTo, from)}***`;
    hiddenTo = Math.max(hiddenTo, to);
  }
  return text + bytes.toString('utf8', hiddenTo);
};
