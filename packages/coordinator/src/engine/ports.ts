/** What the engine needs of the world. Adapters implement these over NATS and Redis; the simulation over memory. */
import type { BootId, JobEnvelope, JobState, TenantId, WorkerId } from '@zerofleet/model';
import type { OutcomeRecord, RosterCall, Run, RunReply, Stop, StopReply } from '@zerofleet/protocol';

/** How an append ended. `unknown`: it may have been stored. `refused`: another message stood at the tail. */
export type AppendResult =
  | { readonly kind: 'stored'; readonly seq: number }
  | { readonly kind: 'refused' }
  | { readonly kind: 'unknown'; readonly reason: string };

/**
 * What must stand at the tail for an append to be stored. The sequence alone is not enough where several appends are
 * in flight: if the first is lost and another leader's message takes its place, the second finds the sequence it expects.
 */
export interface Fence {
  readonly lastSeq: number;
  /** Id of the message at `lastSeq`; null where the appender cannot know it and nothing else is in flight. */
  readonly lastId: string | null;
}

export interface LedgerPort {
  /**
   * Appends one commit under its id if the tail is what `fence` says. Never throws, and always ends within a bound.
   */
  append(bytes: Uint8Array, id: string, fence: Fence): Promise<AppendResult>;
  /** Hands over every stored message from `fromSeq` to the end; resolves to the last sequence (0: none ever). Throws on broken IO. */
  read(fromSeq: number, take: (seq: number, bytes: Uint8Array) => void): Promise<number>;
  /** Drops every message before `seq`. Throws on broken IO. */
  purge(seq: number): Promise<void>;
  /** Bytes held and bytes allowed. Throws on broken IO. */
  usage(): Promise<{ readonly bytes: number; readonly maxBytes: number }>;
}

/** Leader to workers. Requests throw when no answer came in time; the engine repeats what must arrive. */
export interface WorkerPort {
  callRoster(call: RosterCall): void;
  run(worker: WorkerId, message: Run): Promise<RunReply>;
  stop(worker: WorkerId, message: Stop): Promise<StopReply>;
}

export interface OutcomePort {
  /** Stores the projection of a finished job; resolves once acknowledged. Throws on broken IO; repeats are harmless. */
  project(record: OutcomeRecord): Promise<void>;
}

/** A job as committed: what anyone outside the engine may see. */
export interface JobSnapshot {
  readonly envelope: JobEnvelope;
  readonly state: JobState;
}

/** The fleet as the leader sees it. */
export interface FleetView {
  readonly workers: readonly {
    readonly worker: WorkerId;
    readonly boot: BootId;
    readonly draining: boolean;
    readonly freeCpuMilli: number;
    readonly freeMemoryMiB: number;
  }[];
}

/** A tenant's own numbers. */
export interface TenantCounts {
  readonly tenant: TenantId;
  readonly queued: number;
  readonly running: number;
}
