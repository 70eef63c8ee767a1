/**
 * References to secrets in arguments: an object with the one member `$secret`, in the place of a string.
 *
 * R1  What looks like a reference is one: a misspelt one is refused, so that no tool is ever given the name in place of the value.
 */
import { SECRETS_PER_JOB_MAX, type JsonObject, type JsonValue, type Refusal } from '@zerofleet/model';
import { SECRET_MEMBER } from '@zerofleet/protocol';

const NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;
/** Stands for a value while arguments are checked: nobody here knows it. */
const PLACEHOLDER = 'secret';

const isObject = (value: JsonValue): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isReference = (value: JsonValue): value is JsonObject =>
  isObject(value) && Object.hasOwn(value, SECRET_MEMBER);

/** Names of the secrets that `args` refers to, or what is wrong with a reference. */
export const secretNamesIn = (args: JsonObject): { readonly names: readonly string[] } | Refusal => {
  const names = new Set<string>();
  const wrong = collect(args, '/arguments', names);
  if (wrong !== undefined) return wrong;
  return names.size <= SECRETS_PER_JOB_MAX
    ? { names: [...names].sort() }
    : refusal('/arguments', `may refer to ${SECRETS_PER_JOB_MAX} secrets at most`);
};

const collect = (value: JsonValue, path: string, names: Set<string>): Refusal | undefined => {
  if (isReference(value)) {
    const name = value[SECRET_MEMBER];
    if (Object.keys(value).length > 1) return refusal(path, `has more members than ${SECRET_MEMBER}`);
    if (typeof name !== 'string' || !NAME.test(name)) return refusal(path, 'names no secret');
    names.add(name);
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [member, inner] of Object.entries<JsonValue>(value)) {
    const found = collect(inner, `${path}/${member}`, names);
    if (found !== undefined) return found;
  }
  return undefined;
};

const refusal = (path: string, message: string): Refusal => ({
  code: 'invalid_request',
  detail: `${path} ${message}.`,
  errors: [{ path, message }],
});

/** `args` with a text in the place of each reference, and the paths where that stands, as JSON pointers. */
export const withoutRefs = (
  args: JsonObject,
): { readonly args: JsonObject; readonly paths: ReadonlySet<string> } => {
  const paths = new Set<string>();
  const replace = (value: JsonValue, path: string): JsonValue => {
    if (isReference(value)) {
      paths.add(path);
      return PLACEHOLDER;
    }
    if (Array.isArray(value)) return value.map((inner, n) => replace(inner as JsonValue, `${path}/${n}`));
    return isObject(value) ? replaceMembers(value, path) : value;
  };
  const replaceMembers = (value: JsonObject, path: string): JsonObject =>
    Object.fromEntries(
      Object.entries(value).map(([member, inner]) => [
        member,
        replace(inner, `${path}/${member.replaceAll('~', '~0').replaceAll('/', '~1')}`),
      ]),
    );
  return { args: replaceMembers(args, ''), paths };
};
