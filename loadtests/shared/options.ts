/** What scenarios are asked on their command lines, checked. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

/** The call itself was wrong; the message says what to do. */
export class OptionError extends Error {
  readonly code = 'usage';
}

/** A fleet that runs already. */
export interface Target {
  readonly url: string;
  readonly apiKey: string;
}

/** The values of the options `names` (each takes one) in `words`. Throws OptionError for anything else. */
export const valuesIn = <Name extends string>(
  words: readonly string[],
  names: readonly Name[],
): Partial<Record<Name, string>> => {
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]));
  try {
    return parseArgs({ args: [...words], options }).values as Partial<Record<Name, string>>;
  } catch (error) {
    throw new OptionError(error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error));
  }
};

/** Whether the option `flag`, which takes no value, is among `words`, and the other words. */
export const takeFlag = (
  words: readonly string[],
  flag: string,
): { readonly on: boolean; readonly rest: readonly string[] } => ({
  on: words.includes(flag),
  rest: words.filter((word) => word !== flag),
});

/** The fleet of --url and --key-file (or ZEROFLEET_API_KEY); undefined without --url. Throws OptionError. */
export const targetOf = (
  values: { readonly url?: string; readonly 'key-file'?: string },
  env: NodeJS.ProcessEnv,
): Target | undefined =>
  values.url === undefined
    ? undefined
    : { url: loopback(values.url), apiKey: keyOf(values['key-file'], env) };

/** A URL on this machine: load is never sent anywhere else. Throws OptionError. */
export const loopback = (text: string): string => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:') throw new OptionError(`--url must be an http URL, not '${text}'`);
  if (!/^(localhost|\[::1\]|127(\.\d{1,3}){3})$/.test(url.hostname))
    throw new OptionError(`--url must be on loopback: load is not sent to ${url.hostname}`);
  return url.origin;
};

/** A whole number from 1 to `most`. Throws OptionError naming the option. */
export const whole = (name: string, text: string | undefined, normal: number, most: number): number => {
  if (text === undefined) return normal;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > most)
    throw new OptionError(`${name} must be a whole number from 1 to ${most}, not '${text}'`);
  return value;
};

/** Those of `known` that `text` names, parted by commas; all of them without a text. Throws OptionError. */
export const listed = <T extends string>(
  name: string,
  text: string | undefined,
  known: readonly T[],
): readonly T[] => {
  if (text === undefined) return known;
  const words = text.split(',');
  if (words.some((word) => !known.includes(word as T)))
    throw new OptionError(`${name} takes some of ${known.join(',')}, not '${text}'`);
  return known.filter((word) => words.includes(word));
};

const keyOf = (path: string | undefined, env: NodeJS.ProcessEnv): string => {
  const key = path === undefined ? env['ZEROFLEET_API_KEY'] : readKey(path);
  if (key === undefined || key === '')
    throw new OptionError('--url needs a key: give --key-file or ZEROFLEET_API_KEY');
  return key;
};

const readKey = (path: string): string => {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    throw new OptionError(`the key file ${path} cannot be read`);
  }
};
