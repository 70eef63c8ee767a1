/** What the engine needs of the world. Adapters implement these over NATS and Redis; the simulation over memory. */
import type { BootId, JobId, TenantId, WorkerId } from '@zerofleet/model';
import type {
  DeadLetter,
  LeaderCall,
  LeaderPing,
  LeaderPong,
  LeaderReply,
  LedgerFormat,
  OutcomeBatch,
  OutcomeRecord,
  RosterCall,
  Run,
  RunReply,
  Stop,
  StopReply,
  UsagePage,
  WireForm,
} from '@zerofleet/protocol';

export type { JobSnapshot } from '@zerofleet/protocol';

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

/** Takes a stored message; a read waits for what it returns. */
export type TakeMessage = (seq: number, bytes: Uint8Array) => void | Promise<void>;

export interface LedgerPort {
  /** Appends one commit under its id if the tail is what `fence` says. Never throws, and always ends within a bound. */
  append(bytes: Uint8Array, id: string, fence: Fence): Promise<AppendResult>;
  /** Hands over every stored message from `fromSeq` to the end; resolves to the last sequence (0: none ever). Throws on broken IO. */
  read(fromSeq: number, take: TakeMessage): Promise<number>;
  /**
   * Hands over every message from `fromSeq` on, as it is stored, until the returned function is called. `broken` hears, once,
   * that nothing more will come. Resolves once it follows. Throws on broken IO.
   */
  follow(fromSeq: number, take: TakeMessage, broken: (reason: string) => void): Promise<() => void>;
  /** One message, or undefined when it was purged. Throws on broken IO. */
  get(seq: number): Promise<Uint8Array | undefined>;
  /** Drops every message before `seq`. Throws on broken IO. */
  purge(seq: number): Promise<void>;
  /** Bytes held and bytes allowed, and the last sequence. Throws on broken IO. */
  usage(): Promise<{ readonly bytes: number; readonly maxBytes: number; readonly lastSeq: number }>;
}

/** Messages of jobs that are due far ahead. */
export interface TimerPort {
  /** Stores a page of jobs of which the first is due at `dueAtMs`; resolves to its sequence once acknowledged. Throws on broken IO, and when the stream is full. */
  store(bytes: Uint8Array, dueAtMs: number): Promise<number>;
  /** Throws on broken IO; undefined when it is not there. */
  get(page: number): Promise<Uint8Array | undefined>;
  /** Drops a page. Repeats are harmless. Throws on broken IO. */
  drop(page: number): Promise<void>;
  /** Sequences of all pages. Throws on broken IO. */
  list(): Promise<readonly number[]>;
}

/** Leader to workers. Requests throw when no answer came in time; the engine repeats what must arrive. */
export interface WorkerPort {
  callRoster(call: RosterCall): void;
  run(worker: WorkerId, message: Run, form: WireForm): Promise<RunReply>;
  stop(worker: WorkerId, message: Stop): Promise<StopReply>;
}

/** How a look at the outcomes ended. `rebuilding`: nobody can say just now whether there is one. */
export type OutcomeLookup =
  | { readonly kind: 'found'; readonly record: OutcomeRecord }
  | { readonly kind: 'none' }
  | { readonly kind: 'rebuilding' };

/** The same for an idempotency key of the last 24 h. */
export type KeyLookup =
  | { readonly kind: 'found'; readonly id: JobId; readonly hash: string }
  | { readonly kind: 'none' }
  | { readonly kind: 'rebuilding' };

export interface OutcomePort {
  /** Stores all outcomes of one commit; resolves once acknowledged. Throws on broken IO; repeats are harmless. */
  project(batch: OutcomeBatch, format: LedgerFormat): Promise<void>;
  /** Stores a dead letter; resolves once acknowledged. Throws on broken IO; repeats are harmless. */
  bury(letter: DeadLetter): Promise<void>;
  /** The outcome of a tenant's job. `none` only when every projected outcome is indexed. Throws on broken IO. */
  find(tenant: TenantId, id: JobId): Promise<OutcomeLookup>;
  /** The job of a tenant's idempotency key. `none` only as above. Throws on broken IO. */
  findKey(tenant: TenantId, key: string): Promise<KeyLookup>;
}

/** What leaders noted of what tenants use. */
export interface UsagePort {
  /** Every page. Throws on broken IO. */
  load(): Promise<readonly UsagePage[]>;
  /** Replaces a page, unless another process did so since this one read or wrote it: then it throws, as on broken IO. */
  save(page: UsagePage): Promise<void>;
}

/** What a replica and the leader say to each other. */
export interface LeaderPort {
  /** Asks the leader. `nobody`: no replica listens as leader. `silent`: no answer in time. Never throws. */
  ping(ping: LeaderPing, timeoutMs: number): Promise<LeaderPong | 'nobody' | 'silent'>;
  /** Asks a leader of the release before, which does not know pings. Never throws. */
  probe(timeoutMs: number): Promise<'there' | 'nobody' | 'silent'>;
  /** Listens as leader until the returned function is called. */
  serve(answer: {
    ping(ping: LeaderPing): LeaderPong;
    call(call: LeaderCall): Promise<LeaderReply>;
  }): () => void;
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
