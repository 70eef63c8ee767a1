/**
 * A job, from acceptance to its one outcome: the envelope that never changes, and the state machine.
 *
 * J1  `finished` is terminal: no event leaves it.
 * J2  The attempt number only grows, and an event of another attempt than the current one is illegal here;
 *     the engine drops late messages before they become events (I4).
 * J3  A queued job with a recorded cancel does not exist: its cancel is its outcome.
 */
import type { JsonObject } from './json.js';
import type { Attempt, BootId, Epoch, JobId, TenantId, ToolName, WorkerId } from './ids.js';
import type { BlobRef, Outcome } from './outcome.js';

export type PriorityClass = 'interactive' | 'high' | 'normal' | 'batch';
export type ExecutionMode = 'warm' | 'oneshot' | 'process';

/** With which release, adapter and execution mode a job was admitted (I9). */
export interface Decision {
  readonly release: string;
  readonly adapter: 'native' | 'agent-zero';
  readonly mode: ExecutionMode;
  /** Revision of the flags that decided; 0 where none were read. */
  readonly revision: number;
  readonly reason: string;
}

/** An input file, put into the work directory before the tool starts. `path` is relative and stays inside it. */
export interface InputFile {
  readonly path: string;
  readonly encoding: 'utf8' | 'base64';
  readonly data: string;
}

/** What the tool is called with. */
export interface Payload {
  readonly arguments: JsonObject;
  readonly files: readonly InputFile[];
  /** What of the work directory is kept afterwards: paths of files, and of folders with all that is below; `.` is all. */
  readonly collect?: readonly string[];
}

/** The payload inline, or the blob that holds it as JSON. */
export type PayloadRef =
  | {
      readonly kind: 'inline';
      /** Of the payload as JSON. */
      readonly bytes: number;
      readonly payload: Payload;
    }
  | { readonly kind: 'blob'; readonly blob: BlobRef };

/** Which failures of a tool are tried again, and after which pause: exponential with full jitter. */
export interface RetryPolicy {
  readonly on: readonly RetryCause[];
  /** Upper bound of the first pause, in ms; it doubles with every attempt spent. */
  readonly baseMs: number;
  /** Upper bound of any pause, in ms. */
  readonly capMs: number;
}

/** What a retry policy may name: the ends of an attempt that may go better next time. */
export type RetryCause = 'tool_error' | 'killed' | 'container_lost' | 'start_failed' | 'timed_out';

/** What few jobs have. Each is absent where it was not asked for. */
export interface JobExtras {
  readonly session?: string;
  /** Not started before this, Unix ms. */
  readonly runAtMs?: number;
  /** Ends as `expired` when it was not started by then, Unix ms. */
  readonly deadlineAtMs?: number;
  readonly retry?: RetryPolicy;
  /** The tenant's Idempotency-Key, and a hash of what was submitted with it. */
  readonly idempotency?: { readonly key: string; readonly hash: string };
  /** The dead letter that this job repeats. */
  readonly redriveOf?: JobId;
  /** The schedule that it is a run of, the revision that made it, and the time that it is the run of, Unix ms. */
  readonly schedule?: { readonly name: string; readonly revision: number; readonly atMs: number };
  /** Names of the tenant's secrets that its arguments refer to. */
  readonly secrets?: readonly string[];
  /** Whether its payload asks for files: the paths themselves are many bytes, and stand there. */
  readonly collects?: true;
}

/** What many jobs have in common, shared between them in memory and in the ledger. */
export interface JobTemplate {
  readonly tenant: TenantId;
  readonly tool: ToolName;
  readonly toolVersion: number;
  readonly class: PriorityClass;
  readonly decision: Decision;
}

/** A job as the ledger and the fold keep it: what it shares with others is one object for all of them. */
export interface StoredJob {
  readonly id: JobId;
  readonly template: JobTemplate;
  readonly timeoutMs: number;
  readonly maxAttempts: number;
  readonly acceptedAtMs: number;
  readonly extras: JobExtras | null;
  readonly payload: PayloadRef;
}

/** Everything about a job but what its tool is called with: fixed at acceptance. */
export interface JobHead extends JobTemplate {
  readonly id: JobId;
  /** Execution time of one attempt, at most. */
  readonly timeoutMs: number;
  readonly maxAttempts: number;
  /** Leader's wall clock at acceptance, Unix ms: for people, never for ordering. */
  readonly acceptedAtMs: number;
  readonly extras: JobExtras | null;
}

/** A job whole. */
export interface JobEnvelope extends JobHead {
  readonly payload: PayloadRef;
}

/** The head of a stored job, flat. */
export const headOf = (job: Omit<StoredJob, 'payload'>): JobHead => {
  const { id, template, timeoutMs, maxAttempts, acceptedAtMs, extras } = job;
  const { tenant, tool, toolVersion, decision } = template;
  // Field by field: this is made for every job, and a spread costs several times as much.
  return {
    id,
    tenant,
    tool,
    toolVersion,
    class: template.class,
    decision,
    timeoutMs,
    maxAttempts,
    acceptedAtMs,
    extras,
  };
};

/** Where an attempt runs. */
export interface Assignment {
  readonly attempt: Attempt;
  readonly epoch: Epoch;
  readonly worker: WorkerId;
  readonly boot: BootId;
}

export type JobState =
  | {
      readonly kind: 'queued';
      readonly attemptsStarted: number;
      /** Attempts that may have run; one handed back before anything of it ran does not count against maxAttempts. */
      readonly attemptsSpent: number;
      /** Not started before this, Unix ms; null: at any time. */
      readonly dueAtMs: number | null;
    }
  | {
      readonly kind: 'running';
      readonly assignment: Assignment;
      /** As above, this attempt included. */
      readonly attemptsSpent: number;
      readonly startedAtMs: number;
      readonly cancelRequested: boolean;
    }
  | {
      readonly kind: 'finished';
      readonly outcome: Outcome;
      /** The attempt that brought the outcome; 0 when none was started. */
      readonly attempt: Attempt;
      /** When that attempt was started; null when the job ended in the queue. */
      readonly startedAtMs: number | null;
      readonly finishedAtMs: number;
    };

export type JobStateKind = JobState['kind'];

/** `worker_lost`: the attempt may have run. `handed_back`: nothing of it ran. `retry`: it failed, and its policy says again. */
export type RequeueReason = 'worker_lost' | 'handed_back' | 'retry';

export type JobEvent =
  | { readonly kind: 'started'; readonly assignment: Assignment; readonly atMs: number }
  | {
      readonly kind: 'requeued';
      readonly attempt: Attempt;
      readonly reason: RequeueReason;
      /** When it may start again, Unix ms; null: at any time. */
      readonly dueAtMs: number | null;
    }
  | { readonly kind: 'cancel_requested' }
  | {
      readonly kind: 'finished';
      readonly attempt: Attempt;
      readonly outcome: Outcome;
      readonly atMs: number;
    };

/** An event that the state machine forbids: always a bug in the caller. */
export class IllegalTransition extends Error {
  readonly code = 'illegal_transition';
  constructor(machine: string, state: string, event: string) {
    super(`${machine}: ${event} is illegal in state ${state}`);
  }
}

/** A job's first state. */
export const QUEUED: JobState = { kind: 'queued', attemptsStarted: 0, attemptsSpent: 0, dueAtMs: null };

/** The first state of a job with these extras. */
export const firstState = (extras: JobExtras | null): JobState =>
  extras?.runAtMs === undefined ? QUEUED : { ...QUEUED, dueAtMs: extras.runAtMs };

/** The state after `event`. Throws IllegalTransition where J1-J3 forbid it. */
export const transitionJob = (state: JobState, event: JobEvent): JobState => {
  switch (state.kind) {
    case 'queued':
      return fromQueued(state, event);
    case 'running':
      return fromRunning(state, event);
    case 'finished':
      throw new IllegalTransition('job', state.kind, event.kind);
  }
};

type StateOf<K extends JobStateKind> = Extract<JobState, { kind: K }>;

const finishedBy = (
  event: Extract<JobEvent, { kind: 'finished' }>,
  startedAtMs: number | null,
): JobState => ({
  kind: 'finished',
  outcome: event.outcome,
  attempt: event.attempt,
  startedAtMs,
  finishedAtMs: event.atMs,
});

const fromQueued = (state: StateOf<'queued'>, event: JobEvent): JobState => {
  switch (event.kind) {
    case 'started':
      if (event.assignment.attempt !== state.attemptsStarted + 1) break;
      return {
        kind: 'running',
        assignment: event.assignment,
        attemptsSpent: state.attemptsSpent + 1,
        startedAtMs: event.atMs,
        cancelRequested: false,
      };
    case 'finished':
      if (event.attempt !== state.attemptsStarted) break;
      return finishedBy(event, null);
    case 'requeued':
    case 'cancel_requested':
      break;
  }
  throw new IllegalTransition('job', state.kind, event.kind);
};

const fromRunning = (state: StateOf<'running'>, event: JobEvent): JobState => {
  const attempt = state.assignment.attempt;
  switch (event.kind) {
    case 'requeued':
      if (event.attempt !== attempt) break;
      return {
        kind: 'queued',
        attemptsStarted: attempt,
        attemptsSpent: state.attemptsSpent - (event.reason === 'handed_back' ? 1 : 0),
        dueAtMs: event.dueAtMs,
      };
    case 'cancel_requested':
      return { ...state, cancelRequested: true };
    case 'finished':
      if (event.attempt !== attempt) break;
      return finishedBy(event, state.startedAtMs);
    case 'started':
      break;
  }
  throw new IllegalTransition('job', state.kind, event.kind);
};
