/**
 * The engine broker's contract: HTTP over a unix socket, bearer token, one worker a socket.
 *
 * POST   /v1/containers            CreateRequest → 201 Created        creates, does not start
 * GET    /v1/containers/ID/attach  Upgrade: zf-attach → 101           attaches, starts, then raw engine stream both ways
 * GET    /v1/containers            → ContainerList                    the containers of the caller's boot; 503 while the engine is away
 * DELETE /v1/containers/ID         → 204                              ends the attach, kills, removes; 404 when there is none such
 * GET    /v1/engine                → EngineInfo
 * GET    /v1/images                → ImageList                        what the node holds of the broker's repositories, and its disk
 * POST   /v1/images/pull           PullRequest → PulledImage          of the broker's list; at once where the node has it
 * DELETE /v1/images/ID             → 204                              one of the ImageList that is not in use
 *
 * The caller names its worker and boot in headers; it reaches only containers of that boot. A container whose attach
 * ends is removed; one that is not attached within 10 s as well. A container of a boot that is not the newest of its
 * worker is removed. An image reference means what it was when the broker first resolved it: a tag that was moved since is
 * refused with `image_moved`.
 *
 * One call a connection. A body is JSON exactly as JSON.stringify writes it, with a content-length. Anything else is
 * refused, with a BrokerError.
 */
import { Type, type Static } from 'typebox';
import { ContainerIdShape, CountShape, PoolSpecShape } from './shapes.js';

export const BROKER_WORKER_HEADER = 'zf-worker';
export const BROKER_BOOT_HEADER = 'zf-boot';
export const BROKER_UPGRADE = 'zf-attach';
/** Answer header: this life of the broker. A caller that sees another than before knows that its containers died with the broker. */
export const BROKER_LIFE_HEADER = 'zf-broker-life';

/** Labels on every tool container, for sweeps and for people who look with `docker ps`. */
export const CONTAINER_LABEL = {
  role: 'zerofleet.role',
  worker: 'zerofleet.worker',
  boot: 'zerofleet.boot',
  broker: 'zerofleet.broker',
  pool: 'zerofleet.pool',
} as const;
/** The value of the role label on tool containers. */
export const TOOL_ROLE = 'tool';

/** Why the broker refused a call, with the status that goes with it. */
export const BROKER_STATUS = {
  /** Not a call of the list above, or not written as one. */
  malformed: 400,
  unauthorized: 401,
  /** The image is not on the broker's list. */
  image_not_listed: 403,
  /** The broker is not there for that worker. */
  worker_not_served: 403,
  /** No such call, or no such container of the caller. */
  not_found: 404,
  too_slow: 408,
  /** The engine does not have the runtime. */
  runtime_missing: 409,
  /** The node does not have the image. */
  image_missing: 409,
  /** The reference means another image than when the broker resolved it. */
  image_moved: 409,
  /** There is a container of the image. */
  image_in_use: 409,
  /** A newer boot of the worker has called. */
  boot_replaced: 410,
  length_required: 411,
  too_large: 413,
  not_json: 415,
  expectation: 417,
  /** The attach is an upgrade. */
  upgrade_required: 426,
  /** The worker has as many containers as it may. */
  full: 429,
  headers_too_large: 431,
  /** The engine answered with an error. */
  engine_failed: 502,
  /** The engine cannot be reached. */
  engine_away: 503,
  engine_timeout: 504,
} as const;
export type BrokerCode = keyof typeof BROKER_STATUS;

/** The body of every answer that is a refusal; the sentence is for people. */
export const BrokerErrorShape = Type.Object({ code: Type.String(), error: Type.String() });
export type BrokerError = Static<typeof BrokerErrorShape>;

export const CreateRequestShape = Type.Object({ pool: PoolSpecShape }, { additionalProperties: false });
export type CreateRequest = Static<typeof CreateRequestShape>;
export const CreatedShape = Type.Object({ id: ContainerIdShape });
export type Created = Static<typeof CreatedShape>;
export const ContainerListShape = Type.Object({
  containers: Type.Array(Type.Object({ id: ContainerIdShape })),
});
export type ContainerList = Static<typeof ContainerListShape>;
const ImageIdShape = Type.String({ pattern: '^sha256:[0-9a-f]{64}$' });
export const PullRequestShape = Type.Object(
  { reference: Type.String({ minLength: 1, maxLength: 512 }) },
  { additionalProperties: false },
);
export type PullRequest = Static<typeof PullRequestShape>;
export const PulledImageShape = Type.Object({ reference: Type.String(), id: ImageIdShape });
export type PulledImage = Static<typeof PulledImageShape>;

const DiskShape = Type.Object({ usedBytes: CountShape, totalBytes: CountShape });
export const ImageListShape = Type.Object({
  images: Type.Array(
    Type.Object({
      id: ImageIdShape,
      /** Its names in the broker's repositories. */
      references: Type.Array(Type.String()),
      bytes: CountShape,
      /** There is a container of it, whoever made that. */
      inUse: Type.Boolean(),
    }),
  ),
  disk: DiskShape,
});
export type ImageList = Static<typeof ImageListShape>;

export const EngineInfoShape = Type.Object({
  version: Type.String(),
  runtimes: Type.Array(Type.String()),
  /** The broker's list: what each entry was resolved to, null where the node had no such image yet. */
  images: Type.Array(
    Type.Object({
      reference: Type.String(),
      id: Type.Union([ImageIdShape, Type.Null()]),
      digest: Type.Union([Type.String(), Type.Null()]),
    }),
  ),
  disk: DiskShape,
});
export type EngineInfo = Static<typeof EngineInfoShape>;
