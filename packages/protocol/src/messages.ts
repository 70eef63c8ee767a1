/**
 * Messages between leader, gateways and workers, over core NATS. Each carries its version `v`; durations cross the
 * wire, never another host's clock. Every leader message carries the epoch; a worker refuses a lower one than it has seen.
 */
import { Type, type Static } from 'typebox';
import {
  AttemptShape,
  BootIdShape,
  CountShape,
  EpochShape,
  ExecutionModeShape,
  JobIdShape,
  OutputChunkShape,
  RoomShape,
  WorkerIdShape,
} from './shapes.js';
import { jsonParser } from './parse.js';

export const MESSAGES_VERSION = 1;
const v = Type.Literal(MESSAGES_VERSION);

/**
 * Forms of `run` and `done`: 1 is a job whole in itself and one end a message; 2 is what jobs have in common once, and many
 * ends a message. Each side says the newest that it reads, and is written to in no newer one; who says nothing reads 1.
 */
export type WireForm = 1 | 2;
export const WIRE_FORM: WireForm = 2;
/** The newest form that both sides know, by what the other one said. */
export const formFor = (reads: number | undefined): WireForm => (reads !== undefined && reads >= 2 ? 2 : 1);

export const AttemptRefShape = Type.Object({ id: JobIdShape, attempt: AttemptShape });
/** A job's attempt, as workers and leader name it. */
export type AttemptRef = Static<typeof AttemptRefShape>;

/** How a pool of a worker has done since the worker's boot. */
export const PoolStatsShape = Type.Object({
  /** Containers given to jobs, by how: `reused`, `warm`, `cold`, `session`. */
  claims: Type.Record(Type.String(), CountShape),
  /** Claims that found no container ready, by why. */
  misses: Type.Record(Type.String(), CountShape),
  /** How long starts took of late, in ms; null where there were none. */
  startMsP50: Type.Union([Type.Number(), Type.Null()]),
  startMsP95: Type.Union([Type.Number(), Type.Null()]),
  /** Containers that could be started a second, as measured. */
  refillPerS: Type.Union([Type.Number(), Type.Null()]),
  /** Starts that failed. */
  failures: CountShape,
  /** `closed`: starts go on; `open`: they rest after failures; `half`: one is tried. */
  breaker: Type.Union([Type.Literal('closed'), Type.Literal('open'), Type.Literal('half')]),
});
export type PoolStats = Static<typeof PoolStatsShape>;

/** A worker's state: each second, on change, and when called upon by RosterCall. */
export const ReadyShape = Type.Object({
  v,
  worker: WorkerIdShape,
  boot: BootIdShape,
  mode: ExecutionModeShape,
  /** Counts this boot's Ready messages: an older one that comes late is dropped. */
  seq: CountShape,
  /** All the room there is for jobs. */
  room: RoomShape,
  /** Room that no attempt holds. */
  free: RoomShape,
  draining: Type.Boolean(),
  /** The newest WireForm that it reads. */
  reads: Type.Optional(CountShape),
  /** Attempts held: running, or ended and not yet confirmed. Bounded by the room. */
  attempts: Type.Array(AttemptRefShape),
  /** Containers by pool key. */
  pools: Type.Array(
    Type.Object({
      key: Type.String(),
      target: CountShape,
      starting: CountShape,
      warm: CountShape,
      busy: CountShape,
      idle: CountShape,
      /** Of the idle ones those that hold a session's files. */
      parked: Type.Optional(CountShape),
      /** The image of its containers, as the tool definition names it; workers before this one do not say. */
      image: Type.Optional(Type.String()),
      stats: Type.Optional(PoolStatsShape),
    }),
  ),
});
export type Ready = Static<typeof ReadyShape>;
export const parseReady = jsonParser(ReadyShape);

/** A leader's question to all workers: who is there, and what do you hold? */
export const RosterCallShape = Type.Object({
  v,
  epoch: EpochShape,
  /** The newest WireForm that it reads. */
  reads: Type.Optional(CountShape),
});
export type RosterCall = Static<typeof RosterCallShape>;
export const parseRosterCall = jsonParser(RosterCallShape);

/**
 * Leader to worker: end an attempt. `cancel`: the worker ends it and reports `done`; `forget`: the attempt is not
 * the job's any more, the worker ends it and reports nothing.
 */
export const StopShape = Type.Object({
  v,
  epoch: EpochShape,
  id: JobIdShape,
  attempt: AttemptShape,
  why: Type.Union([Type.Literal('cancel'), Type.Literal('forget')]),
});
export type Stop = Static<typeof StopShape>;
export const parseStop = jsonParser(StopShape);
export const StopReplyShape = Type.Object({ v, known: Type.Boolean() });
export type StopReply = Static<typeof StopReplyShape>;
export const parseStopReply = jsonParser(StopReplyShape);

/** Output as it is written; lost ones are fetched from the worker's spool, then from the outcome. */
export const OutputShape = Type.Object({
  v,
  id: JobIdShape,
  attempt: AttemptShape,
  chunks: Type.Array(OutputChunkShape),
});
export type Output = Static<typeof OutputShape>;
export const parseOutput = jsonParser(OutputShape);

/** A gateway asks for spooled output from `offset` on; a reply holds at most 256 KiB, `more` says that there is more now. */
export const SpoolRequestShape = Type.Object({
  v,
  id: JobIdShape,
  attempt: AttemptShape,
  offset: CountShape,
});
export type SpoolRequest = Static<typeof SpoolRequestShape>;
export const parseSpoolRequest = jsonParser(SpoolRequestShape);
export const SpoolReplyShape = Type.Object({
  v,
  known: Type.Boolean(),
  chunks: Type.Array(OutputChunkShape),
  more: Type.Boolean(),
});
export type SpoolReply = Static<typeof SpoolReplyShape>;
export const parseSpoolReply = jsonParser(SpoolReplyShape);
