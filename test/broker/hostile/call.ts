/** What a hostile call is, and what they are written with. */
import type { Ground } from '../ground.js';
import { callText } from '../wire.js';

/** One hostile call: what goes over the wire, and how it is refused: `status code` of each answer. */
export interface HostileCall {
  readonly group: string;
  readonly what: string;
  readonly send: (ground: Ground) => string | Buffer;
  readonly refused: readonly string[];
}

/** Headers of an attach. */
export const UPGRADE = ['connection: Upgrade', 'upgrade: zf-attach'];
/** The header of a body. */
export const JSON_TYPE = 'content-type: application/json';

/** Headers that say who calls, as they should be. */
export const caller = (g: Ground): string[] => [
  'host: broker',
  `authorization: Bearer ${g.token}`,
  `zf-worker: ${g.worker}`,
  `zf-boot: ${g.boot}`,
];

/** A pool that the broker would take. */
export const poolOf = (g: Ground) => ({
  image: g.image,
  runtime: 'runc',
  resources: { cpuMilli: 1_000, memoryMiB: 64, pids: 32, workMiB: 8, tmpMiB: 8 },
});
/** A body that the broker would take. */
export const goodBody = (g: Ground): string => JSON.stringify({ pool: poolOf(g) });
/** A create call with that body. */
export const create = (g: Ground, body: string | Buffer, headers = caller(g)): Buffer =>
  Buffer.concat([
    Buffer.from(
      callText('POST /v1/containers HTTP/1.1', [
        ...headers,
        JSON_TYPE,
        `content-length: ${Buffer.byteLength(body)}`,
      ]),
    ),
    Buffer.from(body),
  ]);
/** An attach to `id`. */
export const attach = (g: Ground, id: string, headers = [...caller(g), ...UPGRADE]): string =>
  callText(`GET /v1/containers/${id}/attach HTTP/1.1`, headers);

/** What it is, what is sent, and how each answer refuses it. */
export type Row = readonly [what: string, send: HostileCall['send'], ...refused: string[]];
/** Rows as hostile calls. */
export const group = (name: string, rows: readonly Row[]): HostileCall[] =>
  rows.map(([what, send, ...refused]) => ({ group: name, what, send, refused }));

/** A call without a body. */
export const get = (g: Ground, path: string, method = 'GET', headers = caller(g)): string =>
  callText(`${method} ${path} HTTP/1.1`, headers);
