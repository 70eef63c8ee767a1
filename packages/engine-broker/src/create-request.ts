/**
 * A create call's body, parsed more strictly than its shape: closed at every level, every number in bounds.
 *
 * P1  No number may switch a limit off: the engine reads 0 as "no limit" for memory, pids, cpu and tmpfs.
 * P2  The text is exactly what JSON.stringify writes for its value: no key comes twice, in another case or spelled in
 *     escapes, no number has a fraction or an exponent. Whoever sends such a thing means something that is not done here.
 */
import type { PoolSpec } from '@zerofleet/model';
import { encodeJson, jsonParser, type Parsed } from '@zerofleet/protocol';
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

/** The pool spec in a create call's body, or what is wrong with it (P1, P2). */
export const parseCreateRequest = (bytes: Buffer): Parsed<PoolSpec> => {
  const parsed = parse(bytes);
  if (!parsed.ok) return parsed;
  if (!bytes.equals(encodeJson(parsed.value)))
    return { ok: false, reason: '/ is not written as JSON.stringify does' };
  return { ok: true, value: parsed.value.pool };
};
