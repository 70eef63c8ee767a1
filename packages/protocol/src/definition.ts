/** Tool definition files: one JSON file a tool. `image` is a name that config maps to an image reference. */
import {
  EGRESS_HOSTS_MAX,
  OUTPUT_BYTES_MAX,
  parseHostPattern,
  type Egress,
  type PoolSpec,
  type ToolDefinition,
  type Upstream,
} from '@zerofleet/model';
import { Type } from 'typebox';
import { jsonParser, type Parsed } from './parse.js';
import { JsonObjectShape, ToolNameShape } from './shapes.js';

const positive = Type.Integer({ minimum: 1 });

const Sha256Shape = Type.String({ pattern: '^[0-9a-f]{64}$' });
/** A path in Agent Zero's tree. */
const TreePathShape = Type.String({ pattern: '^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$' });
const UpstreamShape = Type.Object(
  {
    tag: Type.String({ pattern: '^v[0-9]+(\\.[0-9]+)*$' }),
    commit: Type.String({ pattern: '^[0-9a-f]{40}$' }),
    tool: ToolNameShape,
    method: Type.Optional(Type.String({ pattern: '^[a-z][a-z0-9_]*$' })),
    file: TreePathShape,
    sha256: Sha256Shape,
    prompt: Type.Optional(TreePathShape),
    promptSha256: Type.Optional(Sha256Shape),
  },
  { additionalProperties: false },
);

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
    upstream: Type.Optional(UpstreamShape),
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
  const wrong = wrongUpstream(rest.adapter, rest.upstream);
  if (wrong !== undefined) return { ok: false, reason: wrong };
  const reach = egress === undefined ? undefined : egressOf(egress);
  if (typeof reach === 'string') return { ok: false, reason: reach };
  const pool: PoolSpec = { image: reference, runtime, resources };
  return { ok: true, value: { ...rest, ...(reach === undefined ? {} : { egress: reach }), pool } };
};

const wrongUpstream = (adapter: string, upstream: Upstream | undefined): string | undefined => {
  if ((adapter === 'agent-zero') !== (upstream !== undefined))
    return `/upstream is for the adapter agent-zero, and needed there; this is a tool of '${adapter}'`;
  if (upstream?.file.split('/').includes('..')) return '/upstream/file leaves the tree';
  if ((upstream?.prompt === undefined) !== (upstream?.promptSha256 === undefined))
    return '/upstream prompt and promptSha256 go together';
  return undefined;
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
