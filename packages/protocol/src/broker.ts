/**
 * The engine broker's contract: HTTP over a unix socket, bearer token, one worker a socket.
 *
 * POST   /v1/containers            CreateRequest → 201 Created        creates, does not start
 * GET    /v1/containers/ID/attach  Upgrade: zf-attach → 101           attaches, starts, then raw engine stream both ways
 * GET    /v1/containers            → ContainerList                    the containers of the caller's boot
 * DELETE /v1/containers/ID         → 204                              ends the attach, kills, removes; 404 when there is none such
 * GET    /v1/engine                → EngineInfo
 *
 * The caller names its worker and boot in headers; it reaches only containers of that boot. A container whose attach
 * ends is removed; one that is not attached within 10 s as well. A container of a boot that is not the newest of its
 * worker is removed.
 *
 * One call a connection. A body is JSON exactly as JSON.stringify writes it, with a content-length. Anything else is
 * refused, with a BrokerError.
 */
import { Type, type Static } from 'typebox';
import { ContainerIdShape, PoolSpecShape } from './shapes.js';

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
export const EngineInfoShape = Type.Object({
  version: Type.String(),
  runtimes: Type.Array(Type.String()),
  images: Type.Array(Type.Object({ reference: Type.String(), id: Type.Union([Type.String(), Type.Null()]) })),
});
export type EngineInfo = Static<typeof EngineInfoShape>;
