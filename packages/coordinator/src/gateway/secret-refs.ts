/**
 * References to secrets in arguments: an object with the one member `$secret`, in the place of a string.
 *
 * R1  What looks like a reference is one: a misspelt one is refused, so that no tool is ever given the name in place of the value.
 * R2  Arguments that are nested deeper than ARGUMENTS_DEPTH_MAX are refused here: whoever walks them later may do so by recursion.
 */
import {
  ARGUMENTS_DEPTH_MAX,
  SECRETS_PER_JOB_MAX,
  type JsonObject,
  type JsonValue,
  type Refusal,
} from '@zerofleet/model';
import { SECRET_MEMBER } from '@zerofleet/protocol';

const NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;
/** Begins what stands for a value while arguments are checked: nobody here knows it. */
export const PLACEHOLDER = '\u0000secret:';

interface Wrong {
  /** JSON pointer, from the place that was looked at. */
  readonly path: string;
  readonly message: string;
}

const isObject = (value: JsonValue): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isReference = (value: JsonValue): value is JsonObject =>
  isObject(value) && Object.hasOwn(value, SECRET_MEMBER);

/** Names of the secrets that `args` refers to, or what is wrong with a reference. */
export const secretNamesIn = (args: JsonObject): { readonly names: readonly string[] } | Refusal => {
  const names = new Set<string>();
  const wrong = isReference(args) ? { path: '', message: 'may hold references, not be one' } : undefined;
  const found = wrong ?? wrongIn(args, 1, names);
  if (found !== undefined) return refusal(`/arguments${found.path}`, found.message);
  return names.size <= SECRETS_PER_JOB_MAX
    ? { names: [...names].sort() }
    : refusal('/arguments', `may refer to ${SECRETS_PER_JOB_MAX} secrets at most`);
};

/** The first thing that is wrong in `value`; adds the names that it refers to. */
const wrongIn = (value: JsonValue, depth: number, names: Set<string>): Wrong | undefined => {
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth > ARGUMENTS_DEPTH_MAX)
    return { path: '', message: `is nested deeper than ${ARGUMENTS_DEPTH_MAX} levels` };
  if (isReference(value)) return wrongWith(value, names);
  for (const [member, inner] of Object.entries<JsonValue>(value)) {
    const wrong = wrongIn(inner, depth + 1, names);
    if (wrong === undefined) continue;
    const step = member.replaceAll('~', '~0').replaceAll('/', '~1');
    return { path: `/${step}${wrong.path}`, message: wrong.message };
  }
  return undefined;
};

const wrongWith = (reference: JsonObject, names: Set<string>): Wrong | undefined => {
  const name = reference[SECRET_MEMBER];
  if (Object.keys(reference).length > 1)
    return { path: '', message: `has more members than ${SECRET_MEMBER}` };
  if (typeof name !== 'string' || !NAME.test(name)) return { path: '', message: 'names no secret' };
  names.add(name);
  return undefined;
};

const refusal = (path: string, message: string): Refusal => ({
  code: 'invalid_request',
  detail: `${path} ${message}.`,
  errors: [{ path, message }],
});

/** `args` with a text in the place of each reference, one for each name; undefined where there is none. */
export const withPlaceholders = (args: JsonObject): JsonObject | undefined =>
  holdsReference(args) ? (replaceIn(args) as JsonObject) : undefined;

const holdsReference = (value: JsonValue): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (isReference(value) || Object.values<JsonValue>(value).some(holdsReference));

const replaceIn = (value: JsonValue): JsonValue => {
  if (Array.isArray(value)) return value.map((inner) => replaceIn(inner as JsonValue));
  if (!isObject(value)) return value;
  const name = value[SECRET_MEMBER];
  if (typeof name === 'string') return `${PLACEHOLDER}${name}`;
  return Object.fromEntries(
    Object.entries<JsonValue>(value).map(([member, inner]) => [member, replaceIn(inner)]),
  );
};
