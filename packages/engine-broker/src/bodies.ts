/**
 * Bodies of calls, parsed more strictly than their shapes: closed at every level, every number in bounds.
 *
 * P1  No number may switch a limit off: the engine reads 0 as "no limit" for memory, pids, cpu and tmpfs.
 * P2  The text is exactly what JSON.stringify writes for its value: no key comes twice, in another case or spelled in
 *     escapes, no number has a fraction or an exponent. Whoever sends such a thing means something that is not done here.
 */
import type { PoolSpec } from '@zerofleet/model';
import { encodeJson, jsonParser, PullRequestShape } from '@zerofleet/protocol';
import { Type, type Static, type TSchema } from 'typebox';
import { Refusal } from './refusal.js';

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

/** A parser of exactly what JSON.stringify writes for a value of `shape` (P2). It throws Refusal. */
const exactly = <S extends TSchema>(shape: S): ((bytes: Buffer) => Static<S>) => {
  const parse = jsonParser(shape);
  return (bytes) => {
    const parsed = parse(bytes);
    if (!parsed.ok) throw new Refusal('malformed', parsed.reason);
    if (!bytes.equals(encodeJson(parsed.value)))
      throw new Refusal('malformed', '/ is not written as JSON.stringify does');
    return parsed.value;
  };
};

const parseCreate = exactly(CreateShape);
const parsePull = exactly(PullRequestShape);

/** The pool spec in a create call's body. Throws Refusal. */
export const poolIn = (bytes: Buffer): PoolSpec => parseCreate(bytes).pool;

/** The reference in a pull call's body. Throws Refusal. */
export const referenceIn = (bytes: Buffer): string => parsePull(bytes).reference;
