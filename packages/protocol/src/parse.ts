/**
 * Parsing at the edge: bytes from a wire become typed values or a reason, never an exception.
 * Schemas are compiled once, at module load.
 */
import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';

/** A parsed value, or one sentence that says where it does not fit. */
export type Parsed<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string };

/** A parser of JSON bytes for `schema`. */
export const jsonParser = <S extends TSchema>(schema: S): ((bytes: Uint8Array) => Parsed<Static<S>>) => {
  const validator = Compile(schema);
  return (bytes) => {
    let value: unknown;
    try {
      value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
    } catch {
      return { ok: false, reason: 'not JSON' };
    }
    if (validator.Check(value)) return { ok: true, value: value };
    const [first] = validator.Errors(value);
    return {
      ok: false,
      reason: first === undefined ? 'does not fit' : `${first.instancePath || '/'} ${first.message}`,
    };
  };
};

/** A value as JSON bytes. */
export const encodeJson = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value), 'utf8');
