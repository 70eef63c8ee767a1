/** What a runner says, with its shape. A runner is hostile: anything that does not fit is a breach. */
import { RESULT_BYTES_MAX } from '@zerofleet/model';
import { FRAMES_VERSION, jsonParser, JsonShape, TUNNEL_CREDIT_BYTES } from '@zerofleet/protocol';
import { Type, type Static } from 'typebox';

const text = Type.String({ maxLength: 4_096 });
const count = Type.Integer({ minimum: 0 });
/** Features that a runner may name, at most. */
const FEATURES_MAX = 32;
/** Shells that a session may have. */
const SHELLS_MAX = 10;
/** Files that a RESULT may list as not sent. */
const SKIPPED_MAX = 100;

const HelloShape = Type.Object({
  v: Type.Array(Type.Integer()),
  nonce: Type.String({ minLength: 8, maxLength: 128 }),
  features: Type.Optional(Type.Array(Type.String({ maxLength: 64 }), { maxItems: FEATURES_MAX })),
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
  session: Type.Optional(Type.Object({ shells: Type.Integer({ minimum: 0, maximum: SHELLS_MAX }) })),
  files: Type.Optional(
    Type.Object({
      count,
      bytes: count,
      skipped: Type.Array(Type.Object({ path: text, why: Type.String({ maxLength: 64 }) }), {
        maxItems: SKIPPED_MAX,
      }),
      skippedMore: count,
      truncated: Type.Boolean(),
    }),
  ),
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

const RestoredShape = Type.Object({
  ok: Type.Boolean(),
  files: count,
  bytes: count,
  error: Type.Union([text, Type.Null()]),
});
export const parseRestored = jsonParser(RestoredShape);

const SaveRefusalShape = Type.Object({ code: text, message: text });
export type SaveRefusal = Static<typeof SaveRefusalShape>;
export const parseSaveRefusal = jsonParser(SaveRefusalShape);

const tunnelId = Type.Integer({ minimum: 1, maximum: 2 ** 32 - 1 });

const TunnelOpenShape = Type.Object({
  id: tunnelId,
  host: Type.String({ minLength: 1, maxLength: 255 }),
  port: Type.Integer({ minimum: 1, maximum: 65_535 }),
  kind: Type.Union([Type.Literal('connect'), Type.Literal('http')]),
});
/** What a tunnel is asked for. Every field is the job's own word. */
export type TunnelRequest = Static<typeof TunnelOpenShape>;
export const parseTunnelOpen = jsonParser(TunnelOpenShape);

export const parseTunnelClosed = jsonParser(Type.Object({ id: tunnelId, reason: text }));
export const parseTunnelCredit = jsonParser(
  Type.Object({ id: tunnelId, bytes: Type.Integer({ minimum: 1, maximum: TUNNEL_CREDIT_BYTES }) }),
);

/** Bytes of `value` as JSON; infinite where it is nested too deep to be written again. */
const jsonBytes = (value: unknown): number => {
  try {
    return Buffer.byteLength(JSON.stringify(value));
  } catch {
    return Infinity;
  }
};
