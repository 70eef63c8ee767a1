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
  OutcomeShape,
  OutputChunkShape,
  PayloadRefShape,
  PoolSpecShape,
  RoomShape,
  TenantIdShape,
  ToolNameShape,
  WorkerIdShape,
} from './shapes.js';
import { jsonParser } from './parse.js';

export const MESSAGES_VERSION = 1;
const v = Type.Literal(MESSAGES_VERSION);

const AttemptRef = Type.Object({ id: JobIdShape, attempt: AttemptShape });
/** A job's attempt, as workers and leader name it. */
export type AttemptRef = Static<typeof AttemptRef>;

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
  /** Attempts held: running, or ended and not yet confirmed. Bounded by the room. */
  attempts: Type.Array(AttemptRef),
  /** Containers by pool key. */
  pools: Type.Array(
    Type.Object({
      key: Type.String(),
      target: CountShape,
      starting: CountShape,
      warm: CountShape,
      busy: CountShape,
      idle: CountShape,
    }),
  ),
});
export type Ready = Static<typeof ReadyShape>;
export const parseReady = jsonParser(ReadyShape);

/** A leader's question to all workers: who is there, and what do you hold? */
export const RosterCallShape = Type.Object({ v, epoch: EpochShape });
export type RosterCall = Static<typeof RosterCallShape>;
export const parseRosterCall = jsonParser(RosterCallShape);

/** One attempt to run. */
export const RunJobShape = Type.Object({
  id: JobIdShape,
  attempt: AttemptShape,
  tenant: TenantIdShape,
  tool: ToolNameShape,
  mode: ExecutionModeShape,
  pool: PoolSpecShape,
  reuse: Type.Union([Type.Literal('tenant'), Type.Literal('never')]),
  payload: PayloadRefShape,
  timeoutMs: CountShape,
  outputBytes: CountShape,
});
export type RunJob = Static<typeof RunJobShape>;

/** Leader to worker. Idempotent by (job, attempt, epoch) on the same boot. */
export const RunShape = Type.Object({
  v,
  epoch: EpochShape,
  boot: BootIdShape,
  jobs: Type.Array(RunJobShape),
});
export type Run = Static<typeof RunShape>;
export const parseRun = jsonParser(RunShape);

/** `wrong_boot`, `old_epoch`: nothing was taken. Else each job is taken, or refused before anything of it ran. */
export const RunReplyShape = Type.Union([
  Type.Object({ v, kind: Type.Literal('taken'), refused: Type.Array(AttemptRef) }),
  Type.Object({ v, kind: Type.Literal('wrong_boot') }),
  Type.Object({ v, kind: Type.Literal('old_epoch') }),
]);
export type RunReply = Static<typeof RunReplyShape>;
export const parseRunReply = jsonParser(RunReplyShape);

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

/**
 * What an attempt came to: an outcome; handed back before anything of it ran; or lost with the engine broker, whose
 * death counts as the worker's: it may have run, and may run again within the job's attempts.
 */
export const AttemptEndShape = Type.Union([
  Type.Object({ kind: Type.Literal('outcome'), outcome: OutcomeShape }),
  Type.Object({ kind: Type.Literal('handed_back'), reason: Type.String() }),
  Type.Object({ kind: Type.Literal('lost'), reason: Type.String() }),
]);
export type AttemptEnd = Static<typeof AttemptEndShape>;

/**
 * Worker to leader, repeated until confirmed. `epoch` is the highest that the worker has seen: a leader of a lower one
 * does not know what came after its reign, so it must not confirm.
 */
export const DoneShape = Type.Object({
  v,
  epoch: EpochShape,
  worker: WorkerIdShape,
  boot: BootIdShape,
  id: JobIdShape,
  attempt: AttemptShape,
  end: AttemptEndShape,
});
export type Done = Static<typeof DoneShape>;
export const parseDone = jsonParser(DoneShape);

/** `confirmed`: the end is committed, or was not the job's any more: forget it. `retry`: ask again later. */
export const DoneReplyShape = Type.Object({
  v,
  kind: Type.Union([Type.Literal('confirmed'), Type.Literal('retry')]),
});
export type DoneReply = Static<typeof DoneReplyShape>;
export const parseDoneReply = jsonParser(DoneReplyShape);

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
