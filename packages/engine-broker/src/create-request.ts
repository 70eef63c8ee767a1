/**
 * A create call's body, parsed more strictly than its shape: closed at every level, every number in bounds.
 *
 * P1  No number may switch a limit off: the engine reads 0 as "no limit" for memory, pids, cpu and tmpfs.
 * P2  A key that is not known, or comes twice, is refused: whoever sends it means something that is not done here.
 */
import type { PoolSpec } from '@zerofleet/model';
import { jsonParser, type Parsed } from '@zerofleet/protocol';
import { Type } from 'typebox';

const closed = { additionalProperties: false };
const within = (minimum: number, maximum: number) => Type.Integer({ minimum, maximum });

const CreateShape = Type.Object(
  {
    pool: Type.Object(
      {
        image: Type.String({ minLength: 1, maxLength: 512 }),
        runtime: Type.Union([Type.Literal('runc'), Type.Literal('runsc')]),
        resources: Type.Object(
          {
            cpuMilli: within(10, 256_000),
            memoryMiB: within(16, 1_048_576),
            pids: within(8, 32_768),
            workMiB: within(1, 1_048_576),
            tmpMiB: within(1, 1_048_576),
          },
          closed,
        ),
      },
      closed,
    ),
  },
  closed,
);
const parse = jsonParser(CreateShape);

/** A string, and the colon behind it where it is a key. */
const STRINGS = /"(?:[^"\\]|\\.)*"\s*(:?)/g;

const keysIn = (value: unknown): number => {
  if (typeof value !== 'object' || value === null) return 0;
  const below = Object.values(value).reduce((sum: number, one) => sum + keysIn(one), 0);
  return below + (Array.isArray(value) ? 0 : Object.keys(value).length);
};

/** The pool spec in a create call's body, or what is wrong with it (P1, P2). */
export const parseCreateRequest = (bytes: Buffer): Parsed<PoolSpec> => {
  const parsed = parse(bytes);
  if (!parsed.ok) return parsed;
  const written = [...bytes.toString('utf8').matchAll(STRINGS)].filter((match) => match[1] === ':').length;
  if (written !== keysIn(parsed.value)) return { ok: false, reason: '/ a key comes twice' };
  return { ok: true, value: parsed.value.pool };
};
