/**
 * Parsing at the edge: bytes from a wire become typed values or a reason, never an exception.
 * Schemas are compiled once, at module load.
 */
import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';

/** A parsed value, or one sentence that says where it does not fit. */
export type Parsed<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string };

/** JSON bytes as a value of which nothing is known. */
export const parseJson = (bytes: Uint8Array): Parsed<unknown> => {
  try {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
    return { ok: true, value: JSON.parse(text) as unknown };
  } catch {
    return { ok: false, reason: 'not JSON' };
  }
};

/** Where `value` does not fit, and why: the first thing found. */
export const reasonOf = (
  validator: {
    Errors(value: unknown): readonly { readonly instancePath: string; readonly message: string }[];
  },
  value: unknown,
): string => {
  const [first] = validator.Errors(value);
  return first === undefined ? 'does not fit' : `${first.instancePath || '/'} ${first.message}`;
};

/** A parser of JSON bytes for `schema`. */
export const jsonParser = <S extends TSchema>(schema: S): ((bytes: Uint8Array) => Parsed<Static<S>>) => {
  const validator = Compile(schema);
  return (bytes) => {
    const parsed = parseJson(bytes);
    if (!parsed.ok) return parsed;
    if (validator.Check(parsed.value)) return { ok: true, value: parsed.value };
    return { ok: false, reason: reasonOf(validator, parsed.value) };
  };
};

/** A value as JSON bytes. */
export const encodeJson = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value), 'utf8');
