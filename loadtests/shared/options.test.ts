import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { listed, loopback, OptionError, takeFlag, targetOf, valuesIn, whole } from './options.js';

const folder = mkdtempSync(join(tmpdir(), 'zf-load-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('loopback', () => {
  it.each(['http://127.0.0.1:8080', 'http://127.9.9.9', 'http://localhost:1', 'http://[::1]:8080'])(
    'takes %s',
    (url) => {
      expect(loopback(`${url}/`)).toBe(url);
    },
  );

  it.each([
    'http://10.0.0.1',
    'http://example.org',
    'http://127.0.0.1.example.org',
    'https://127.0.0.1',
    'nonsense',
  ])('refuses %s', (url) => {
    expect(() => loopback(url)).toThrow(OptionError);
  });
});

describe('options', () => {
  it('take the key from a file or the environment, and want one with a URL', () => {
    const path = join(folder, 'key');
    writeFileSync(path, 'zf_file\n');
    const url = 'http://127.0.0.1:1';
    expect(targetOf({}, {})).toBeUndefined();
    expect(targetOf({ url, 'key-file': path }, {})).toEqual({ url, apiKey: 'zf_file' });
    expect(targetOf({ url }, { ZEROFLEET_API_KEY: 'zf_env' })?.apiKey).toBe('zf_env');
    expect(() => targetOf({ url }, {})).toThrow(OptionError);
    expect(() => targetOf({ url, 'key-file': join(folder, 'none') }, {})).toThrow(OptionError);
  });

  it('refuse what they do not know and numbers out of range', () => {
    expect(valuesIn(['--rate', '5'], ['rate'])).toEqual({ rate: '5' });
    expect(() => valuesIn(['--speed', '5'], ['rate'])).toThrow(OptionError);
    expect(whole('--rate', undefined, 7, 10)).toBe(7);
    for (const text of ['0', '11', '1.5', '-1', 'x'])
      expect(() => whole('--rate', text, 7, 10)).toThrow(OptionError);
  });

  it('take flags without a value, and lists of known words in their known order', () => {
    expect(takeFlag(['--quick', '--n', '1'], '--quick')).toEqual({ on: true, rest: ['--n', '1'] });
    expect(takeFlag(['--n', '1'], '--quick').on).toBe(false);
    expect(listed('--only', undefined, ['a', 'b'])).toEqual(['a', 'b']);
    expect(listed('--only', 'b,a', ['a', 'b', 'c'])).toEqual(['a', 'b']);
    expect(() => listed('--only', 'd', ['a'])).toThrow(OptionError);
  });
});
