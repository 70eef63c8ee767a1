/** What programs that write a secret really make of it: each is run here, and what it wrote must not be shown. */
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { SECRET_BYTES_MIN } from '@zerofleet/model';
import { SecretForms } from './mask.js';
import { formsOf } from './secret-forms.js';

const VALUES = [
  'ghp_16C7e42F292c6912E7710c838347Ae178B4a',
  'p@ss/w"o\'rd+<b>&~ü!* (€) \\ end',
  `-----BEGIN KEY-----\n${'MIIEvQIBADAN/Bgkqhki+G9w0BAQ=='.repeat(9)}\n"quoted" ümlaut line\n-----END KEY-----\n`,
];

/** Ways to write `v`. */
const PYTHON: readonly (readonly [what: string, expression: string])[] = [
  ['as JSON', 'json.dumps(v)'],
  ['as JSON in UTF-8', 'json.dumps({"a": [v]}, ensure_ascii=False)'],
  ['in a list', 'str([v])'],
  ['as bytes', 'str(v.encode())'],
  ['quoted', 'urllib.parse.quote(v)'],
  ['quoted for a form', 'urllib.parse.urlencode({"a": v})'],
  ['quoted to the last', 'urllib.parse.quote(v, safe="")'],
  ['in base64', 'base64.b64encode(v.encode()).decode()'],
  ['in base64 of its lines', 'base64.encodebytes(v.encode()).decode()'],
  ['in base64 behind a user', 'base64.b64encode(b"user:" + v.encode()).decode()'],
  ['in base64 for URLs', 'base64.urlsafe_b64encode(b"u:" + v.encode()).decode()'],
  ['in hex', 'v.encode().hex()'],
  ['without its last line break', 'v.strip()'],
  ['without its last line break, in base64', 'base64.b64encode(v.strip().encode()).decode()'],
];
const NODE: readonly (readonly [what: string, expression: string])[] = [
  ['as JSON', 'JSON.stringify({ v })'],
  ['in a URI', 'encodeURIComponent(v)'],
  ['in a form', 'new URLSearchParams({ v }).toString()'],
  ['in base64', 'Buffer.from(v).toString("base64")'],
];

const said = (command: string, args: readonly string[], value: string): string =>
  execFileSync(command, args, { input: value, encoding: 'utf8' });

/** What one Python writes for all of them, and one Node. */
const fromPython = (value: string): readonly string[] => {
  const list = PYTHON.map(([, expression]) => expression).join(', ');
  const code = `import base64, json, sys, urllib.parse\nv = sys.stdin.buffer.read().decode()\nprint(json.dumps([${list}]))`;
  return JSON.parse(said('python3', ['-c', code], value)) as string[];
};
const fromNode = (value: string): readonly string[] => {
  const list = NODE.map(([, expression]) => expression).join(', ');
  const code = `const v = require('fs').readFileSync(0, 'utf8'); process.stdout.write(JSON.stringify([${list}]))`;
  return JSON.parse(said(process.execPath, ['-e', code], value)) as string[];
};

/** What stands beside and between stars is what stood around the value, or a line of it that is too short to be hidden. */
const expectHidden = (what: string, text: string, shown: string): void => {
  const plain = shown.split('***');
  expect(plain.length, `${what}: ${shown}`).toBeGreaterThan(1);
  for (const part of plain) expect(part.length, `${what}: ${part} of ${text}`).toBeLessThan(16);
};

describe.each(VALUES)('%j', (value) => {
  const forms = new SecretForms([value]);

  it('is hidden where Python writes it', () => {
    const texts = fromPython(value);
    expect(texts).toHaveLength(PYTHON.length);
    PYTHON.forEach(([what], n) => expectHidden(what, texts[n] ?? '', forms.hide(texts[n] ?? '')));
  });

  it('is hidden where Node writes it', () => {
    const texts = fromNode(value);
    expect(texts).toHaveLength(NODE.length);
    NODE.forEach(([what], n) => expectHidden(what, texts[n] ?? '', forms.hide(texts[n] ?? '')));
  });

  it.each([[[]], [['-w64']]])('is hidden where base64 %j writes it', (args) => {
    const text = said('base64', args, value);
    expectHidden('base64', text, forms.hide(text));
  });
});

describe('forms of a secret', () => {
  it('hold the last line of its base64 too', () => {
    const value = 'x'.repeat(62);
    const text = said('base64', [], value);
    expect(text).toMatch(/^\w{76}\n\w{7}=\n$/);
    expect(new SecretForms([value]).hide(text)).toMatch(/^\*\*\*\w=\n$/);
  });

  it('are long enough to be told from other text, and are there once', () => {
    for (const value of [...VALUES, '12345678', '\n\n\n\n\n\n\n\n', 'short\nlines\nof a text\n']) {
      const forms = formsOf(value);
      for (const form of forms) expect(Buffer.byteLength(form)).toBeGreaterThanOrEqual(SECRET_BYTES_MIN);
      expect(new Set(forms).size).toBe(forms.length);
    }
  });
});
