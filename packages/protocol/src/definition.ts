/** Tool definition files: one JSON file a tool. `image` is a name that config maps to an image reference. */
import {
  EGRESS_HOSTS_MAX,
  OUTPUT_BYTES_MAX,
  parseHostPattern,
  type Egress,
  type PoolSpec,
  type ToolDefinition,
} from '@zerofleet/model';
import { Type } from 'typebox';
import { jsonParser, type Parsed } from './parse.js';
import { JsonObjectShape, ToolNameShape } from './shapes.js';

const positive = Type.Integer({ minimum: 1 });

const DefinitionFileShape = Type.Object(
  {
    name: ToolNameShape,
    version: positive,
    description: Type.String({ minLength: 1 }),
    adapter: Type.Union([Type.Literal('native'), Type.Literal('agent-zero')]),
    image: Type.String({ minLength: 1 }),
    runtime: Type.Union([Type.Literal('runc'), Type.Literal('runsc')]),
    resources: Type.Object({
      cpuMilli: positive,
      memoryMiB: positive,
      pids: positive,
      workMiB: positive,
      tmpMiB: positive,
    }),
    limits: Type.Object({
      timeoutMsDefault: positive,
      timeoutMsMax: positive,
      outputBytes: Type.Integer({ minimum: 1, maximum: OUTPUT_BYTES_MAX }),
    }),
    reuse: Type.Union([Type.Literal('tenant'), Type.Literal('never')]),
    egress: Type.Optional(
      Type.Object(
        { hosts: Type.Array(Type.String(), { minItems: 1, maxItems: EGRESS_HOSTS_MAX }) },
        { additionalProperties: false },
      ),
    ),
    arguments: JsonObjectShape,
  },
  { additionalProperties: false },
);

const parse = jsonParser(DefinitionFileShape);

/** The definition in a file, with `image` resolved by `images` (name → reference), or what is wrong with it. */
export const parseToolDefinition = (
  bytes: Uint8Array,
  images: ReadonlyMap<string, string>,
): Parsed<ToolDefinition> => {
  const file = parse(bytes);
  if (!file.ok) return file;
  const { image, runtime, resources, egress, ...rest } = file.value;
  const reference = images.get(image);
  if (reference === undefined)
    return { ok: false, reason: `/image no reference is configured for '${image}'` };
  if (rest.limits.timeoutMsDefault > rest.limits.timeoutMsMax)
    return { ok: false, reason: '/limits timeoutMsDefault is above timeoutMsMax' };
  const reach = egress === undefined ? undefined : egressOf(egress);
  if (typeof reach === 'string') return { ok: false, reason: reach };
  const pool: PoolSpec = { image: reference, runtime, resources };
  return { ok: true, value: { ...rest, ...(reach === undefined ? {} : { egress: reach }), pool } };
};

/** The hosts in lower case, or what is wrong with one of them. */
const egressOf = ({ hosts }: Egress): Egress | string => {
  const listed = new Set<string>();
  for (const [at, text] of hosts.entries()) {
    const pattern = parseHostPattern(text);
    if (typeof pattern === 'string') return `/egress/hosts/${at} ${pattern}`;
    const host = text.toLowerCase();
    if (listed.has(host)) return `/egress/hosts/${at} '${text}' is listed twice`;
    listed.add(host);
  }
  return { hosts: [...listed] };
};
