/**
 * A tool's schema for arguments that refer to secrets: what it says of the content of a text holds for each text but one that
 * stands for a value that is not known here.
 *
 * L1  It takes whatever the schema takes, and references where a text may stand. Of alternatives that only a text's content tells
 *     apart any may hold, so `oneOf` is `anyOf` here.
 * L2  What `if` and `not` ask is asked as it stands: such a text has no content that they know.
 */
import type { JsonObject, JsonValue } from '@zerofleet/model';
import { PLACEHOLDER } from './secret-refs.js';

/** Keywords that say what a text is like. */
const OF_TEXTS = new Set(['minLength', 'maxLength', 'pattern', 'format', 'enum', 'const']);
/** Keywords that hold a schema, schemas by name, and schemas in a list. */
const ONE = new Set([
  'additionalProperties',
  'contains',
  'else',
  'items',
  'then',
  'unevaluatedItems',
  'unevaluatedProperties',
]);
const NAMED = new Set(['$defs', 'definitions', 'dependentSchemas', 'patternProperties', 'properties']);
const LISTED = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems']);

const IS_PLACEHOLDER: JsonObject = { type: 'string', pattern: `^${PLACEHOLDER}` };

/** `schema` for arguments with placeholders in the place of references. */
export const relaxed = (schema: JsonObject): JsonObject => {
  const kept: [string, JsonValue][] = [];
  const further: JsonValue[] = [];
  const ofTexts: [string, JsonValue][] = [];
  for (const [keyword, value] of Object.entries(schema)) {
    if (OF_TEXTS.has(keyword) && mayBeText(keyword, value)) ofTexts.push([keyword, value]);
    else if (keyword === 'oneOf') further.push({ anyOf: inside(keyword, value) });
    else if (keyword === 'allOf') further.push(...(inside(keyword, value) as readonly JsonValue[]));
    else kept.push([keyword, inside(keyword, value)]);
  }
  if (ofTexts.length > 0) further.push({ if: { not: IS_PLACEHOLDER }, then: Object.fromEntries(ofTexts) });
  return { ...Object.fromEntries(kept), ...(further.length > 0 ? { allOf: further } : {}) };
};

/** A choice that holds no text at all takes no secret. */
const mayBeText = (keyword: string, value: JsonValue): boolean => {
  if (keyword === 'const') return typeof value === 'string';
  return keyword !== 'enum' || (value as readonly JsonValue[]).some((one) => typeof one === 'string');
};

const inside = (keyword: string, value: JsonValue): JsonValue => {
  if (ONE.has(keyword)) return relaxedIfObject(value);
  if (LISTED.has(keyword)) return (value as readonly JsonValue[]).map(relaxedIfObject);
  if (!NAMED.has(keyword)) return value;
  return Object.fromEntries(
    Object.entries(value as JsonObject).map(([name, one]) => [name, relaxedIfObject(one)]),
  );
};

/** `true` and `false` are schemas too. */
const relaxedIfObject = (schema: JsonValue): JsonValue =>
  typeof schema === 'object' ? relaxed(schema as JsonObject) : schema;
