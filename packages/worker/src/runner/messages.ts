/** What a runner says, with its shape. A runner is hostile: anything that does not fit is a breach. */
import { RESULT_BYTES_MAX } from '@zerofleet/model';
import { FRAMES_VERSION, jsonParser, JsonShape } from '@zerofleet/protocol';
import { Type, type Static } from 'typebox';

const text = Type.String({ maxLength: 4_096 });

const HelloShape = Type.Object({
  v: Type.Array(Type.Integer()),
  nonce: Type.String({ minLength: 8, maxLength: 128 }),
});
export type Hello = Static<typeof HelloShape>;
const parseHelloShape = jsonParser(HelloShape);

/** The HELLO of a runner that speaks our version, or undefined. */
export const parseHello = (bytes: Buffer): Hello | undefined => {
  const hello = parseHelloShape(bytes);
  return hello.ok && hello.value.v.includes(FRAMES_VERSION) ? hello.value : undefined;
};

const AckShape = Type.Object({ nonce: Type.String(), job: Type.String(), attempt: Type.Integer() });
export type Ack = Static<typeof AckShape>;
export const parseAck = jsonParser(AckShape);

const NakShape = Type.Object({ code: text, message: text });
export type Nak = Static<typeof NakShape>;
export const parseNak = jsonParser(NakShape);

const amount = Type.Number({ minimum: 0 });

const ResultShape = Type.Object({
  ok: Type.Boolean(),
  value: JsonShape,
  error: Type.Union([Type.Object({ code: text, message: text }), Type.Null()]),
  exitCode: Type.Union([Type.Integer(), Type.Null()]),
  signal: Type.Union([Type.Integer(), Type.String({ maxLength: 32 }), Type.Null()]),
  usage: Type.Object({ wallMs: amount, cpuMs: amount, maxRssKiB: amount }),
  output: Type.Object({ bytes: amount, truncated: Type.Boolean() }),
});
export type RunnerResult = Static<typeof ResultShape>;
const parseResultShape = jsonParser(ResultShape);

/** The RESULT in a frame, or undefined when it does not fit or is over the limit. */
export const parseResult = (bytes: Buffer): RunnerResult | undefined => {
  if (bytes.byteLength > RESULT_BYTES_MAX + RESULT_HEAD_BYTES) return undefined;
  const result = parseResultShape(bytes);
  return result.ok && jsonBytes(result.value.value) <= RESULT_BYTES_MAX ? result.value : undefined;
};

/** A RESULT's bytes around its value: error message, usage. */
const RESULT_HEAD_BYTES = 64 * 1024;

/** Bytes of `value` as JSON; infinite where it is nested too deep to be written again. */
const jsonBytes = (value: unknown): number => {
  try {
    return Buffer.byteLength(JSON.stringify(value));
  } catch {
    return Infinity;
  }
};
