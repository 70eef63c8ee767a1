/** NATS subjects, streams and buckets of a shard. The shard's id is in every one of them. */
import type { JobId, ShardId, TenantId, WorkerId } from '@zerofleet/model';

/** All names of one shard. */
export interface ShardNames {
  /** Stream and subject of the ledger: one message is one group commit. */
  readonly ledgerStream: string;
  readonly ledgerSubject: string;
  /** Stream of outcomes, one subject a job; its `max_age` is the retention. */
  readonly outcomesStream: string;
  readonly outcomesAll: string;
  readonly outcome: (tenant: TenantId, job: JobId) => string;
  /** The outcomes of one group commit, by its ledger sequence. */
  readonly outcomes: (ledgerSeq: number) => string;
  /** Stream of jobs due far ahead, by the day they are due. */
  readonly timersStream: string;
  readonly timersAll: string;
  readonly timers: (day: number) => string;
  /** Stream of dead letters, one subject a job. */
  readonly deadStream: string;
  readonly deadAll: string;
  readonly deadOf: (tenant: TenantId) => string;
  readonly dead: (tenant: TenantId, job: JobId) => string;
  /** Replica to leader, request: LeaderPing and LeaderPong. */
  readonly leaderPing: string;
  /** Gateway to leader, request: LeaderCall and LeaderReply. */
  readonly leaderCall: string;
  /** Key-value bucket of what operators and tenants set. */
  readonly controls: string;
  /** Key-value bucket of what tenants have used, as the leader notes it now and then. */
  readonly usage: string;
  /** Object store bucket of content-named blobs. */
  readonly blobs: string;
  /** Key-value bucket of sessions. */
  readonly sessions: string;
  /** Object store bucket of the files that sessions left. */
  readonly sessionFiles: string;
  /** Worker to leader, published: Ready. */
  readonly ready: string;
  /** Worker to leader, request: Done; the reply comes after the commit. */
  readonly done: string;
  /** Leader to all workers, published: RosterCall. */
  readonly roster: string;
  /** Leader to one worker, request: Run and its RunReply. */
  readonly run: (worker: WorkerId) => string;
  /** Leader to one worker, request: Stop and its StopReply. */
  readonly stop: (worker: WorkerId) => string;
  /** Any gateway to one worker, request: SpoolRequest and SpoolReply. */
  readonly spool: (worker: WorkerId) => string;
  /** Anyone to one worker, request: SessionCall and SessionReply. */
  readonly session: (worker: WorkerId) => string;
  /** Worker to whoever listens: Output. */
  readonly output: (job: JobId) => string;
}

export const shardNames = (shard: ShardId): ShardNames => ({
  ledgerStream: `ZF_LEDGER_${shard}`,
  ledgerSubject: `zf.${shard}.ledger`,
  outcomesStream: `ZF_OUTCOMES_${shard}`,
  outcomesAll: `zf.${shard}.outcome.>`,
  outcome: (tenant, job) => `zf.${shard}.outcome.${tenant}.${job}`,
  outcomes: (ledgerSeq) => `zf.${shard}.outcome._.${ledgerSeq}`,
  timersStream: `ZF_TIMERS_${shard}`,
  timersAll: `zf.${shard}.timers.>`,
  timers: (day) => `zf.${shard}.timers.${day}`,
  deadStream: `ZF_DEAD_${shard}`,
  deadAll: `zf.${shard}.dead.>`,
  deadOf: (tenant) => `zf.${shard}.dead.${tenant}.*`,
  dead: (tenant, job) => `zf.${shard}.dead.${tenant}.${job}`,
  leaderPing: `zf.${shard}.leader.ping`,
  leaderCall: `zf.${shard}.leader.call`,
  controls: `ZF_CONTROLS_${shard}`,
  usage: `ZF_USAGE_${shard}`,
  blobs: `ZF_BLOBS_${shard}`,
  sessions: `ZF_SESSIONS_${shard}`,
  sessionFiles: `ZF_SESSION_FILES_${shard}`,
  ready: `zf.${shard}.ready`,
  done: `zf.${shard}.done`,
  roster: `zf.${shard}.roster`,
  run: (worker) => `zf.${shard}.worker.${worker}.run`,
  stop: (worker) => `zf.${shard}.worker.${worker}.stop`,
  spool: (worker) => `zf.${shard}.worker.${worker}.spool`,
  session: (worker) => `zf.${shard}.worker.${worker}.session`,
  output: (job) => `zf.${shard}.output.${job}`,
});
