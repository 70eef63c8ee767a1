/**
 * The engine broker's contract: HTTP over a unix socket, bearer token, one worker a socket.
 *
 * POST   /v1/containers            CreateRequest → 201 Created        creates, does not start
 * GET    /v1/containers/ID/attach  Upgrade: zf-attach → 101           attaches, starts, then raw engine stream both ways
 * GET    /v1/containers            → ContainerList                    the containers of the caller's boot
 * DELETE /v1/containers/ID         → 204                              ends the attach, kills, removes; 204 as well when it was gone
 * GET    /v1/engine                → EngineInfo
 *
 * The caller names its worker and boot in headers; it reaches only containers of that boot. A container whose attach
 * ends is removed; one that is not attached within 10 s as well. A container of a boot that is not the newest of its
 * worker is removed.
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
